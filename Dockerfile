# The cupel command: operator, oracle, verification, deployment. Build: docker build -t cupel .
#
# Every package comes from the lock file and is checked by its hash; of these only what the daemons need is installed.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/cupel
COPY requirements.lock ./
RUN /opt/cupel/bin/pip download --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
        -r requirements.lock -d /wheels
COPY pyproject.toml README.md LICENSE ./
COPY cupel cupel
COPY scorer scorer
RUN /opt/cupel/bin/pip install --no-cache-dir --disable-pip-version-check --no-index --find-links /wheels uv_build \
    && /opt/cupel/bin/pip install --no-cache-dir --disable-pip-version-check --no-index --find-links /wheels \
        --no-build-isolation ".[mcp,postgresql]" \
    && /opt/cupel/bin/pip uninstall --yes uv_build

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin cupel \
    && install -d -o cupel -g cupel /data /published /inbox /exchange /dataset
COPY --from=build /opt/cupel /opt/cupel
ENV PATH=/opt/cupel/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /data
VOLUME /data
ENTRYPOINT ["cupel"]
CMD ["--help"]
