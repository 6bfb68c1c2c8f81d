# The images of Zonewright, a target for each service:
#
#   docker build --target primary -t zonewright-primary .        also: secondary, letsencrypt, tools, pebble
#
# Each runs as an unprivileged user on a read-only root filesystem, without capabilities and without a shell. What the build
# fetches comes from npm and, for `pebble`, from Debian. Where the network between npm and you needs a CA of its own, give
# the build stages an image that trusts it: --build-arg BUILD_IMAGE=...; no image that runs is made from it.
ARG NODE_IMAGE=node:24-bookworm-slim
ARG BUILD_IMAGE=${NODE_IMAGE}

# --- What npm needs to know of the packages; changes rarely, so that npm's work is cached.
FROM ${BUILD_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
COPY common/package.json common/
COPY primary/package.json primary/
COPY secondary/package.json secondary/
COPY letsencrypt/package.json letsencrypt/
COPY cli/package.json cli/
COPY test/package.json test/
COPY bench/package.json bench/

# --- The build: all packages, of each what runs.
FROM packages AS built
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.base.json ./
COPY bin bin
COPY common common
COPY primary primary
COPY secondary secondary
COPY letsencrypt letsencrypt
COPY cli cli
RUN npx --no-install tsc -b common primary secondary letsencrypt cli \
 && for package in common primary secondary letsencrypt cli; do \
      mkdir -p "/out/$package" && cp -r "$package/package.json" "$package/dist" "/out/$package/" || exit 1; \
    done \
 && find /out -type f ! -name '*.js' ! -name package.json -delete \
 && cp -r bin package.json /out/

# --- What each needs of npm at run time, from npm's cache of the build.
FROM built AS primary-modules
RUN npm ci --prefer-offline --ignore-scripts --no-audit --no-fund --omit=dev -w common -w primary

FROM built AS secondary-modules
RUN npm ci --prefer-offline --ignore-scripts --no-audit --no-fund --omit=dev -w common -w secondary

FROM built AS letsencrypt-modules
RUN npm ci --prefer-offline --ignore-scripts --no-audit --no-fund --omit=dev -w common -w letsencrypt

# --- What all images have. The folders below /srv are where compose.yaml mounts volumes, which take over their owner.
FROM ${NODE_IMAGE} AS runtime
WORKDIR /app
RUN for folder in zones.git data keys letsencrypt ca certificates; do \
      install -d -o 10053 -g 10053 -m 0700 "/srv/$folder" || exit 1; \
    done
ENV NODE_ENV=production
COPY --from=built /out/package.json ./
COPY --from=built /out/bin bin
COPY --from=built /out/common common
COPY --from=built /out/cli cli
USER 10053:10053
ENTRYPOINT ["/usr/local/bin/node", "/app/bin/zonewright"]

# --- What all services have: pages for the health check.
FROM runtime AS service
ENV ZONEWRIGHT_HTTP=127.0.0.1:8080
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 \
  CMD ["/usr/local/bin/node", "-e", "fetch('http://127.0.0.1:8080/ready').then((reply) => process.exit(reply.ok ? 0 : 1), () => process.exit(1))"]

FROM service AS primary
COPY --from=primary-modules /app/node_modules node_modules
COPY --from=built /out/primary primary
EXPOSE 53/udp 53/tcp
CMD ["primary"]

FROM service AS secondary
COPY --from=secondary-modules /app/node_modules node_modules
COPY --from=built /out/secondary secondary
EXPOSE 53/udp 53/tcp
CMD ["secondary"]

FROM service AS letsencrypt
COPY --from=letsencrypt-modules /app/node_modules node_modules
COPY --from=built /out/letsencrypt letsencrypt
CMD ["letsencrypt"]

# --- A certificate authority to try things out. `zonewright test-ca --prepare` writes what it starts from.
FROM ${NODE_IMAGE} AS pebble
RUN apt-get update \
 && apt-get install -y --no-install-recommends pebble \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && install -d -o 10053 -g 10053 -m 0700 /srv/ca
USER 10053:10053
# Look challenges up at once, and refuse no good nonces.
ENV PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0
EXPOSE 14000/tcp 15000/tcp
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["/usr/local/bin/node", "-e", "require('node:https').get({ host: require('node:os').hostname(), port: 14000, path: '/dir', rejectUnauthorized: false }, (reply) => process.exit(reply.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
# It keeps nothing, and as the first process of a container it ignores TERM.
STOPSIGNAL SIGKILL
ENTRYPOINT ["/usr/bin/pebble", "-config", "/srv/ca/pebble.json"]

# --- The tools: certify, check, keygen, notify, query, update, wait. The last target: what `docker build .` makes.
FROM runtime AS tools
COPY --from=letsencrypt-modules /app/node_modules node_modules
COPY --from=built /out/letsencrypt letsencrypt
# Here `certify` leaves what it makes.
WORKDIR /srv/certificates
CMD ["--help"]
