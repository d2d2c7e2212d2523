# The image of Kith: kithd, kith and the bundled encoder on Debian, run by a user without rights, on a root file system
# that can be read-only. The same file builds it for amd64 and arm64. deploy/README.md tells how to run it.
#
#   docker build -t kith .        (or: podman build, buildah bud, scripts/image)
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
WORKDIR /src
COPY scripts/setup scripts/setup
RUN scripts/setup --programs
COPY . .
RUN scripts/build release \
 && cmake --install build/release --prefix /opt/kith --strip \
 && deploy/runtime-packages /opt/kith/bin/kithd /opt/kith/bin/kith > /opt/kith/runtime-packages

FROM ${BASE}
COPY --from=build /opt/kith/runtime-packages /tmp/runtime-packages
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive xargs -a /tmp/runtime-packages apt-get install -y -qq --no-install-recommends > /dev/null \
 && rm -rf /var/lib/apt/lists/* /tmp/runtime-packages \
 && useradd --system --uid 10001 --user-group --home-dir /var/lib/kith --shell /usr/sbin/nologin kith \
 && install -d -o kith -g kith -m 0700 /var/lib/kith
COPY --from=build /opt/kith/bin /usr/local/bin
COPY --from=build /opt/kith/share /usr/local/share

# Every option of kithd has such a name. Beyond the loopback, which is where a container's callers are, kithd serves
# only with TLS and keys, or when KITH_INSECURE=true says that the network is trusted.
ENV KITH_DATA_DIR=/var/lib/kith \
    KITH_GRPC_ADDRESS=0.0.0.0:7600
EXPOSE 7600
VOLUME /var/lib/kith
USER 10001:10001
WORKDIR /var/lib/kith
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["kith", "health"]
ENTRYPOINT ["kithd"]
