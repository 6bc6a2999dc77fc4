package deploy

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// landing is what launch takes at the most (G7).
const landing = sputnik.DefaultFinishTimeout + 2*time.Second

const sidecarName = "syslog2nats"

func TestManifests(t *testing.T) {
	files, err := filepath.Glob("kubernetes/*.yaml")
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b := readBundle(t, file)
			pod := b.workload.Template.Spec
			b.checkLabels(t)
			b.checkPod(t)
			for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
				b.checkContainer(t, c)
			}
			ours := b.ours(t)
			checkProbes(t, ours)
			b.checkConfiguration(t, ours)
			b.checkGrace(t)
		})
	}
}

func (b bundle) checkLabels(t *testing.T) {
	t.Helper()
	labels := b.workload.Template.Metadata.Labels
	assert.NotEmpty(t, labels)
	assert.Equal(t, labels, b.workload.Selector.MatchLabels)
	for _, s := range b.services {
		assert.Equal(t, labels, s.Selector)
		for _, p := range s.Ports {
			at := slices.IndexFunc(b.ours(t).Ports, func(c port) bool { return c.Name == p.TargetPort && c.Protocol == p.Protocol })
			assert.GreaterOrEqual(t, at, 0, "the service's port %s leads nowhere", p.Name)
		}
	}
}

func (b bundle) checkPod(t *testing.T) {
	t.Helper()
	pod := b.workload.Template.Spec
	assert.True(t, pod.SecurityContext.RunAsNonRoot)
	assert.Equal(t, "RuntimeDefault", pod.SecurityContext.SeccompProfile.Type)
	require.NotNil(t, pod.AutomountServiceAccountToken)
	assert.False(t, *pod.AutomountServiceAccountToken)
	require.NotNil(t, pod.EnableServiceLinks)
	assert.False(t, *pod.EnableServiceLinks, "variables of Services could be taken for configuration")
	for _, v := range pod.Volumes {
		kinds := 0
		if v.ConfigMap.Name != "" {
			kinds++
			assert.Contains(t, b.configMaps, v.ConfigMap.Name)
		}
		if v.Secret.SecretName != "" {
			kinds++
			assert.Equal(t, 0o440, v.Secret.DefaultMode, "readable for fsGroup, and for nobody else")
		}
		if v.EmptyDir != nil {
			kinds++
			assert.NotEmpty(t, v.EmptyDir.SizeLimit)
		}
		assert.Equal(t, 1, kinds, "volume %s", v.Name)
	}
}

func (b bundle) checkContainer(t *testing.T, c container) {
	t.Helper()
	s := c.SecurityContext
	assert.NotZero(t, s.RunAsUser, "root")
	assert.NotZero(t, s.RunAsGroup, "root")
	require.NotNil(t, s.AllowPrivilegeEscalation)
	assert.False(t, *s.AllowPrivilegeEscalation)
	assert.True(t, s.ReadOnlyRootFilesystem)
	assert.Equal(t, []string{"ALL"}, s.Capabilities.Drop)
	assert.Regexp(t, `:[0-9]+\.[0-9]+(\.[0-9]+)?$`, c.Image, "a version, not what is the latest today")
	assert.NotEmpty(t, c.Resources.Requests.CPU)
	assert.LessOrEqual(t, bytesOf(t, c.Resources.Requests.Memory), bytesOf(t, c.Resources.Limits.Memory))
	for _, m := range c.VolumeMounts {
		_, declared := b.volume(m.Name)
		assert.True(t, declared, "container %s: no volume %s", c.Name, m.Name)
	}
	for _, p := range c.Ports {
		assert.Greater(t, p.ContainerPort, 1023, "takes a privilege")
		assert.LessOrEqual(t, len(p.Name), 15, "Kubernetes takes no longer name of a port")
	}
	for _, p := range []*probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		if p != nil {
			assert.NotZero(t, c.port(p.HTTPGet.Port), "a probe of %s goes to port %q, which it doesn't have", c.Name, p.HTTPGet.Port)
		}
	}
	if c.RestartPolicy != "" {
		assert.Equal(t, "Always", c.RestartPolicy)
	}
}

// volume returns false where there is none of that name.
func (b bundle) volume(name string) (volume, bool) {
	for _, v := range b.workload.Template.Spec.Volumes {
		if v.Name == name {
			return v, true
		}
	}
	for _, v := range b.workload.VolumeClaimTemplates {
		if v.Metadata.Name == name {
			return volume{Name: name}, true
		}
	}
	return volume{}, false
}

// ours is the container of syslog2nats.
func (b bundle) ours(t *testing.T) container {
	t.Helper()
	pod := b.workload.Template.Spec
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		if c.Name == sidecarName {
			return c
		}
	}
	t.Fatal("no container of syslog2nats")
	return container{}
}

// port returns the number of a named port, 0 for none.
func (c container) port(name string) int {
	for _, p := range c.Ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	return 0
}

func checkProbes(t *testing.T, c container) {
	t.Helper()
	for path, p := range map[string]*probe{"/startedz": c.StartupProbe, "/livez": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		require.NotNil(t, p, path)
		assert.Equal(t, path, p.HTTPGet.Path)
		assert.Equal(t, "admin", p.HTTPGet.Port)
		assert.Positive(t, p.PeriodSeconds)
		assert.Positive(t, p.FailureThreshold)
	}
	patience := time.Duration(c.StartupProbe.PeriodSeconds*c.StartupProbe.FailureThreshold) * time.Second
	assert.GreaterOrEqual(t, patience, sputnik.DefaultInitTimeout, "killed while it may still be starting")
}

// checkConfiguration reads the ConfigMap that is mounted, with the secrets that the variables name.
func (b bundle) checkConfiguration(t *testing.T, c container) {
	t.Helper()
	at := slices.Index(c.Args, "--conf")
	require.True(t, at >= 0 && at+1 < len(c.Args), "no --conf")
	var mounted string // the volume of a path
	secrets := make(map[string]bool)
	for _, m := range c.VolumeMounts {
		if m.MountPath == c.Args[at+1] {
			v, _ := b.volume(m.Name)
			mounted = v.ConfigMap.Name
		}
		if v, _ := b.volume(m.Name); v.Secret.SecretName != "" {
			secrets[m.MountPath] = true
		}
	}
	require.NotEmpty(t, mounted, "no ConfigMap at %s", c.Args[at+1])

	var environ []string
	want := make(map[string]string)
	for _, e := range c.Env {
		if strings.HasSuffix(e.Name, "_FILE") {
			assert.True(t, secrets[filepath.Dir(e.Value)], "%s: no secret is mounted at %s", e.Name, e.Value)
			want[e.Name] = "the-secret-of-" + e.Name
			e.Value = filepath.Join(folderWith(t, map[string]string{"secret": want[e.Name]}), "secret")
		}
		environ = append(environ, e.Name+"="+e.Value)
		if e.Name == "GOMEMLIMIT" {
			limit := bytesOf(t, strings.TrimSuffix(e.Value, "B"))
			assert.Less(t, limit, bytesOf(t, c.Resources.Limits.Memory), "Go would learn of the limit too late")
		}
	}
	folder := folderWith(t, b.configMaps[mounted])
	validate(t, folder, environ)
	conf := readConfiguration(t, folder, environ)
	conf.checkOrder(t)
	conf.checkMemory(t, bytesOf(t, c.Resources.Limits.Memory))
	assert.Equal(t, want["S2N_ADMIN_TOKEN_FILE"], conf.admin.Token)
	assert.Equal(t, want["S2N_NATS_PASSWORD_FILE"], conf.nats.Password)
	assert.Equal(t, conf.nats.User != "", conf.nats.Password != "", "a user has a password")
	delete(want, "S2N_ADMIN_TOKEN_FILE")
	delete(want, "S2N_NATS_PASSWORD_FILE")
	assert.Empty(t, want, "variables that name files, and aren't checked here")
	assert.True(t, conf.admin.OpenProbes, "a probe has no token")
	assert.Equal(t, fmt.Sprintf("0.0.0.0:%d", c.port("admin")), conf.admin.Listen)
	require.Len(t, conf.syslog.Listen, 1)
	host, port, err := net.SplitHostPort(conf.syslog.Listen[0])
	require.NoError(t, err)
	if b.kind == "Deployment" {
		assert.Equal(t, "127.0.0.1", host, "only for the containers of the pod")
		for _, data := range b.configMaps["shop-nginx"] {
			assert.Equal(t, 2, strings.Count(data, "syslog:server=127.0.0.1:"+port+","), "the application logs elsewhere")
		}
		return
	}
	assert.Equal(t, port, strconv.Itoa(c.port("syslog-udp")))
	assert.Equal(t, port, strconv.Itoa(c.port("syslog-tcp")))
	if conf.nats.Embedded() {
		store, ok := b.volume("store")
		assert.True(t, ok && store.EmptyDir == nil, "the store of the embedded broker is on a volume that stays")
		at := slices.IndexFunc(c.VolumeMounts, func(m mount) bool { return m.Name == "store" })
		require.GreaterOrEqual(t, at, 0)
		assert.Equal(t, c.VolumeMounts[at].MountPath, filepath.Dir(conf.broker.Store))
	}
}

// checkGrace adds up what the end of the pod takes: first the application, then the sidecar.
func (b bundle) checkGrace(t *testing.T) {
	t.Helper()
	pod := b.workload.Template.Spec
	need := landing
	for _, c := range pod.Containers {
		need += time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second
	}
	if b.kind == "Deployment" {
		require.Len(t, pod.InitContainers, 1)
		assert.Equal(t, "Always", pod.InitContainers[0].RestartPolicy, "it is no sidecar")
		found := regexp.MustCompile(`worker_shutdown_timeout (\d+s);`).FindStringSubmatch(b.configMaps["shop-nginx"]["nginx.conf"])
		require.Len(t, found, 2)
		app, err := time.ParseDuration(found[1])
		require.NoError(t, err)
		need += app
	}
	assert.Greater(t, time.Duration(pod.TerminationGracePeriodSeconds)*time.Second, need)
}

// bytesOf reads a quantity such as 64Mi.
func bytesOf(t *testing.T, quantity string) int {
	t.Helper()
	for unit, factor := range map[string]int{"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30} {
		if number, ok := strings.CutSuffix(quantity, unit); ok {
			n, err := strconv.Atoi(number)
			require.NoError(t, err)
			return n * factor
		}
	}
	t.Fatalf("%q is not a quantity in Ki, Mi or Gi", quantity)
	return 0
}
