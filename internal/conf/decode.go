package conf

import (
	"reflect"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/v2"
)

// decode writes fitted data to target.
func decode(data *koanf.Koanf, target reflect.Value) error {
	decoded := reflect.New(target.Type())
	err := data.UnmarshalWithConf("", decoded.Interface(), koanf.UnmarshalConf{Tag: tag, DecoderConfig: &mapstructure.DecoderConfig{
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(),
			mapstructure.TextUnmarshallerHookFunc(),
		),
		ErrorUnused: true,
		Squash:      true,
	}})
	if err == nil {
		assign(target, decoded.Elem(), data.Raw())
	}
	return err
}

// assign copies to dst what data names out of src. Pointers, maps and slices
// of dst are replaced, not written through: they may be shared.
func assign(dst, src reflect.Value, data any) {
	named, isMap := data.(map[string]any)
	switch kind := dst.Kind(); {
	case isMap && kind == reflect.Struct:
		fields, _ := fieldsOf(dst.Type())
		for _, f := range fields {
			if value, ok := named[f.key]; ok {
				assign(dst.FieldByIndex(f.index), src.FieldByIndex(f.index), value)
			}
		}
	case isMap && (kind == reflect.Pointer || kind == reflect.Interface) && !dst.IsNil() && dst.Elem().Type() == src.Elem().Type():
		merged := reflect.New(dst.Elem().Type())
		merged.Elem().Set(dst.Elem())
		assign(merged.Elem(), src.Elem(), data)
		if kind == reflect.Interface {
			merged = merged.Elem()
		}
		dst.Set(merged)
	case isMap && kind == reflect.Map && !dst.IsNil():
		merged := reflect.MakeMap(dst.Type())
		for key, value := range dst.Seq2() {
			merged.SetMapIndex(key, value)
		}
		for key, value := range src.Seq2() {
			item := reflect.New(dst.Type().Elem()).Elem()
			if old := dst.MapIndex(key); old.IsValid() {
				item.Set(old)
			}
			assign(item, value, named[key.String()])
			merged.SetMapIndex(key, item)
		}
		dst.Set(merged)
	default:
		dst.Set(src)
	}
}
