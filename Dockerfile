# A static binary, an ordinary user, nothing else: zone data and root certificates are inside the binary.
FROM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /carillon ./cmd/carillon && mkdir /data /tmp-empty

FROM scratch
COPY --from=build /carillon /carillon
COPY --from=build --chown=65532:65532 /data /data
COPY --from=build --chown=65532:65532 /tmp-empty /tmp
USER 65532:65532
ENV CARILLON_DATA=/data TMPDIR=/tmp
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/carillon", "doctor", "--health"]
ENTRYPOINT ["/carillon"]
CMD ["serve"]
