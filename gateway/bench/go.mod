module github.com/carillon-gateway/carillon/gateway/bench

go 1.26.7

require github.com/twilio/twilio-go v1.31.0

require (
	github.com/golang/mock v1.6.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
)

replace github.com/carillon-gateway/carillon => ../..
