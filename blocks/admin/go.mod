module github.com/sputnik-go/sputnik/blocks/admin

go 1.26.0

require (
	github.com/prometheus/client_golang v1.25.0
	github.com/sputnik-go/sputnik v0.0.0
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
)

replace github.com/sputnik-go/sputnik => ../..
