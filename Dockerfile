# Switchgear in a container.  docs/howto/container.md says how to run it.
#
# No Docker engine has built this file yet: the project's machines have none.  Its steps were run
# by hand in a virtual environment, and tests/packaging/test_dockerfile.py holds it to the tree.

FROM python:3.11-slim-bookworm AS build

WORKDIR /build
COPY requirements.lock ./
# Wheels only: nothing is compiled here, and nothing is installed whose hash is not in the lock.
RUN python -m venv --copies /opt/switchgear \
 && /opt/switchgear/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
    --only-binary :all: --require-hashes -r requirements.lock \
 && /opt/switchgear/bin/python -m pip uninstall --yes pip setuptools

# Copied, not built: a build would fetch its backend without a hash.
COPY gateway /opt/switchgear/lib/python3.11/site-packages/gateway
COPY policies /opt/switchgear/lib/python3.11/site-packages/policies
COPY providers /opt/switchgear/lib/python3.11/site-packages/providers
# Compiled once, and never checked against the sources: the file system may be read-only.
RUN printf '#!/opt/switchgear/bin/python\nfrom gateway.cli import main\n\nmain()\n' \
    > /opt/switchgear/bin/switchgear \
 && chmod 0755 /opt/switchgear/bin/switchgear \
 && /opt/switchgear/bin/python -m compileall -q --invalidation-mode unchecked-hash \
    /opt/switchgear/lib/python3.11/site-packages


FROM python:3.11-slim-bookworm

# A number, so that an orchestrator can tell that it is not root.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent \
    --shell /usr/sbin/nologin switchgear \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/switchgear \
 && install -d -m 0755 /etc/switchgear

COPY --from=build /opt/switchgear /opt/switchgear

# The allocator's thresholds keep TLS reads fast: docs/explanation/wire.md, "What it costs".
ENV PATH=/opt/switchgear/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MALLOC_TRIM_THRESHOLD_=67108864 \
    MALLOC_MMAP_THRESHOLD_=67108864 \
    SWITCHGEAR_CONFIG=/etc/switchgear \
    SWITCHGEAR_DATA_DIR=/var/lib/switchgear \
    SWITCHGEAR_DATA_LISTEN=0.0.0.0:8080

USER 10001:10001
WORKDIR /var/lib/switchgear
VOLUME /var/lib/switchgear
EXPOSE 8080

# The admin plane stays on the container's loopback unless gateway.yaml says otherwise.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8081, timeout=2); c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]

ENTRYPOINT ["switchgear"]
CMD ["serve"]
