package deploy

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// The types of Kubernetes, as far as the manifests use them: a field that isn't here is a spelling mistake, or wants to
// be added with a check of what it has to be.
type (
	manifest struct {
		APIVersion string            `yaml:"apiVersion"`
		Kind       string            `yaml:"kind"`
		Metadata   metadata          `yaml:"metadata"`
		Data       map[string]string `yaml:"data"` // of a ConfigMap
		Spec       yaml.Node         `yaml:"spec"`
	}
	metadata struct {
		Name   string            `yaml:"name"`
		Labels map[string]string `yaml:"labels"`
	}
	selector struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	workload struct {
		Replicas       int      `yaml:"replicas"`
		ServiceName    string   `yaml:"serviceName"`
		Selector       selector `yaml:"selector"`
		UpdateStrategy struct {
			RollingUpdate struct {
				MaxUnavailable int `yaml:"maxUnavailable"`
			} `yaml:"rollingUpdate"`
		} `yaml:"updateStrategy"`
		Template struct {
			Metadata metadata `yaml:"metadata"`
			Spec     pod      `yaml:"spec"`
		} `yaml:"template"`
		VolumeClaimTemplates []struct {
			Metadata metadata `yaml:"metadata"`
			Spec     struct {
				AccessModes []string `yaml:"accessModes"`
				Resources   struct {
					Requests struct {
						Storage string `yaml:"storage"`
					} `yaml:"requests"`
				} `yaml:"resources"`
			} `yaml:"spec"`
		} `yaml:"volumeClaimTemplates"`
	}
	service struct {
		Selector map[string]string `yaml:"selector"`
		Ports    []struct {
			Name       string `yaml:"name"`
			Port       int    `yaml:"port"`
			TargetPort string `yaml:"targetPort"`
			Protocol   string `yaml:"protocol"`
		} `yaml:"ports"`
	}
	pod struct {
		TerminationGracePeriodSeconds int   `yaml:"terminationGracePeriodSeconds"`
		AutomountServiceAccountToken  *bool `yaml:"automountServiceAccountToken"`
		EnableServiceLinks            *bool `yaml:"enableServiceLinks"`
		Tolerations                   []struct {
			Operator string `yaml:"operator"`
			Effect   string `yaml:"effect"`
		} `yaml:"tolerations"`
		SecurityContext struct {
			RunAsNonRoot        bool   `yaml:"runAsNonRoot"`
			FSGroup             int    `yaml:"fsGroup"`
			FSGroupChangePolicy string `yaml:"fsGroupChangePolicy"`
			SeccompProfile      struct {
				Type string `yaml:"type"`
			} `yaml:"seccompProfile"`
		} `yaml:"securityContext"`
		InitContainers []container `yaml:"initContainers"`
		Containers     []container `yaml:"containers"`
		Volumes        []volume    `yaml:"volumes"`
	}
	container struct {
		Name          string   `yaml:"name"`
		Image         string   `yaml:"image"`
		RestartPolicy string   `yaml:"restartPolicy"`
		Args          []string `yaml:"args"`
		Env           []struct {
			Name  string `yaml:"name"`
			Value string `yaml:"value"`
		} `yaml:"env"`
		Ports     []port `yaml:"ports"`
		Lifecycle struct {
			PreStop struct {
				Sleep struct {
					Seconds int `yaml:"seconds"`
				} `yaml:"sleep"`
			} `yaml:"preStop"`
		} `yaml:"lifecycle"`
		StartupProbe   *probe `yaml:"startupProbe"`
		LivenessProbe  *probe `yaml:"livenessProbe"`
		ReadinessProbe *probe `yaml:"readinessProbe"`
		Resources      struct {
			Requests resources `yaml:"requests"`
			Limits   resources `yaml:"limits"`
		} `yaml:"resources"`
		SecurityContext struct {
			RunAsUser                int   `yaml:"runAsUser"`
			RunAsGroup               int   `yaml:"runAsGroup"`
			AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
			ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
			Capabilities             struct {
				Drop []string `yaml:"drop"`
			} `yaml:"capabilities"`
		} `yaml:"securityContext"`
		VolumeMounts []mount `yaml:"volumeMounts"`
	}
	mount struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
		SubPath   string `yaml:"subPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	}
	port struct {
		Name          string `yaml:"name"`
		ContainerPort int    `yaml:"containerPort"`
		HostPort      int    `yaml:"hostPort"`
		Protocol      string `yaml:"protocol"`
	}
	resources struct {
		CPU    string `yaml:"cpu"`
		Memory string `yaml:"memory"`
	}
	probe struct {
		HTTPGet struct {
			Path string `yaml:"path"`
			Port string `yaml:"port"`
		} `yaml:"httpGet"`
		PeriodSeconds    int `yaml:"periodSeconds"`
		TimeoutSeconds   int `yaml:"timeoutSeconds"`
		FailureThreshold int `yaml:"failureThreshold"`
	}
	volume struct {
		Name      string `yaml:"name"`
		ConfigMap struct {
			Name string `yaml:"name"`
		} `yaml:"configMap"`
		Secret struct {
			SecretName  string `yaml:"secretName"`
			DefaultMode int    `yaml:"defaultMode"`
		} `yaml:"secret"`
		EmptyDir *struct {
			SizeLimit string `yaml:"sizeLimit"`
		} `yaml:"emptyDir"`
	}
)

// bundle is one file of manifests.
type bundle struct {
	configMaps map[string]map[string]string
	services   []service
	workload   workload
	kind       string // of the workload
}

func readBundle(t *testing.T, file string) bundle {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	b := bundle{configMaps: make(map[string]map[string]string)}
	in := yaml.NewDecoder(f)
	in.KnownFields(true)
	for {
		var m manifest
		err := in.Decode(&m)
		if errors.Is(err, io.EOF) {
			require.NotEmpty(t, b.kind, "no workload")
			return b
		}
		require.NoError(t, err)
		require.NotEmpty(t, m.Metadata.Name)
		switch m.Kind {
		case "ConfigMap":
			require.Equal(t, "v1", m.APIVersion)
			b.configMaps[m.Metadata.Name] = m.Data
		case "Service":
			require.Equal(t, "v1", m.APIVersion)
			var s service
			strict(t, m.Spec, &s)
			b.services = append(b.services, s)
		case "Deployment", "DaemonSet", "StatefulSet":
			require.Equal(t, "apps/v1", m.APIVersion)
			require.Empty(t, b.kind, "two workloads")
			b.kind = m.Kind
			strict(t, m.Spec, &b.workload)
		default:
			t.Fatalf("no check for kind %q", m.Kind)
		}
	}
}

// strict decodes a part as strictly as the whole: Node.Decode can't.
func strict(t *testing.T, n yaml.Node, result any) {
	t.Helper()
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(yaml.NewEncoder(w).Encode(&n)) }()
	in := yaml.NewDecoder(r)
	in.KnownFields(true)
	require.NoError(t, in.Decode(result))
	require.NoError(t, r.Close())
}
