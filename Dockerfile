# One file for CPU and CUDA:
#
#   docker build -t abair:cpu .
#   docker build -t abair:cuda --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .
#
# The CUDA libraries come with torch's wheels, the driver from the host: the base is the same.

# Any image with python3 (3.11 or newer), its venv module and pip; both stages use the same.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
# Where torch comes from; empty: where everything else does.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY constraints.txt ./
# torch alone first: a layer of its own, and the only thing that differs between CPU and CUDA.
RUN python3 -m venv /opt/abair \
    && /opt/abair/bin/python -m pip install --no-deps -c constraints.txt \
        ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch
# The build's own tools stay here.
RUN python3 -m venv tools && tools/bin/python -m pip install -c constraints.txt hatchling
COPY pyproject.toml README.md LICENSE ./
COPY model model
COPY service service
RUN tools/bin/python -m pip wheel --no-deps --no-build-isolation -w dist . \
    && /opt/abair/bin/python -m pip install -c constraints.txt dist/*.whl \
    && /opt/abair/bin/python -m pip uninstall --yes pip

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="abair" \
      org.opencontainers.image.description="Blind all-in-one image restoration over HTTP" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0 AND CC-BY-NC-4.0"
COPY --from=build /opt/abair /opt/abair
# Nothing is written anywhere: the root file system may be read-only, without a /tmp.
# Longer to linger than balancers need for two checks; see docs/deploy.md for the order of times.
ENV PATH=/opt/abair/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    ABAIR_HOST=0.0.0.0 \
    ABAIR_PORT=8000 \
    ABAIR_LINGER_SECONDS=5
# A number, so that Kubernetes' runAsNonRoot can tell; no such user needs to exist.
USER 10001:10001
WORKDIR /
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 CMD ["abair", "health"]
ENTRYPOINT ["abair"]
CMD ["serve"]
