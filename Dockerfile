# One file for CPU and CUDA. Each image has the torch wheel of the package index TORCH_INDEX:
#
#   make image                  for the CPU: wheels without CUDA, about 1 GB
#   docker build -t abair:cuda --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .
#
# An empty TORCH_INDEX takes torch from where pip takes everything else. On PyPI that is the CUDA
# build (5.6 GB) for x86-64, so it is only for builders whose own pip settings name a CPU wheel.
# The CUDA libraries come with torch's wheel and the driver comes from the host: the base is the same.

# Pinned by digest (all platforms), so that a build today and one next year start from the same files.
# Another base needs python3 (3.11 or newer) with its venv module; both stages use the same one.
ARG BASE=python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d

FROM ${BASE} AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# The order is by how seldom something changes: tools and torch, the other packages, our code.
COPY constraints.txt ./
# pip and the build's tools stay in this stage: the environment of the image has no pip.
RUN python3 -m venv tools && tools/bin/python -m pip install -c constraints.txt hatchling \
    && python3 -m venv --without-pip /opt/abair
# torch alone first: a layer of its own, and the only thing that differs between CPU and CUDA.
# torch's headers, its tests and the programs that test its C++ parts are not needed to serve: they
# take 190 MB. torch does not import without torch_shm_manager.
RUN tools/bin/python -m pip --python /opt/abair/bin/python install --no-deps -c constraints.txt \
        ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch \
    && rm -r /opt/abair/lib/python3*/site-packages/torch/include \
        /opt/abair/lib/python3*/site-packages/torch/test \
    && find /opt/abair/lib/python3*/site-packages/torch/bin -type f ! -name torch_shm_manager -delete
COPY pyproject.toml ./
RUN python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' > needed.txt \
    && tools/bin/python -m pip --python /opt/abair/bin/python install -c constraints.txt -r needed.txt
COPY README.md LICENSE ./
COPY model model
COPY service service
# Our own code apart from the packages: after a change of code only this small layer is new.
RUN tools/bin/python -m pip wheel --no-deps --no-build-isolation -w dist . \
    && tools/bin/python -m pip --python /opt/abair/bin/python install --no-deps --prefix /opt/code dist/*.whl

FROM ${BASE}
COPY --from=build /opt/abair /opt/abair
COPY --from=build /opt/code /opt/abair
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
# Last, because they differ in each build. The version is that of the package service (a test compares
# them), the revision is the commit, which `make image` gives.
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="abair" \
      org.opencontainers.image.description="Blind all-in-one image restoration over HTTP" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0 AND CC-BY-NC-4.0"
