# syntax=docker/dockerfile:1
# One image for all of Driftgate's services: docker-compose.yaml says which of them runs what.
FROM python:3.11-slim

# cpu: torch's small build (the image has about 2 GB); cuda: the wheels that requirements.txt pins, with CUDA (about 8 GB).
ARG TORCH=cpu
# As in the Makefile.
ARG UV_VERSION=0.13.8

ENV PYTHONUNBUFFERED=1 \
    PYTHONPATH=/opt/driftgate \
    AIRFLOW_HOME=/var/lib/driftgate/airflow

# A volume takes over the owner of the folder that it is mounted on.
RUN useradd --uid 10001 --create-home driftgate \
    && install --directory --owner=driftgate --group=driftgate --mode=0750 \
        /var/lib/driftgate /var/lib/driftgate/airflow /var/lib/driftgate/logs /var/lib/driftgate/mails \
        /var/lib/driftgate/secrets /var/lib/driftgate/store /var/lib/driftgate/warehouse

WORKDIR /opt/driftgate

# Before the project's own files: a change of the code installs nothing anew.
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache \
    pip install --disable-pip-version-check "uv==${UV_VERSION}" \
    && if [ "${TORCH}" = cpu ]; then \
        export UV_TORCH_BACKEND=cpu; \
        grep --invert-match --extended-regexp '^(cuda-|nvidia-|triton==)' requirements.txt > /tmp/requirements.txt; \
    else \
        cp requirements.txt /tmp/requirements.txt; \
    fi \
    && uv pip install --system --link-mode=copy --compile-bytecode --requirements /tmp/requirements.txt \
    && rm /tmp/requirements.txt

COPY include/ include/
COPY plugins/ plugins/
COPY dags/ dags/
COPY pipelines/ pipelines/
# Whoever checked the files out may have kept them to himself; compiled here, as the user below may not write there.
RUN chmod --recursive a+rX . \
    && python -m compileall -q include plugins dags

USER driftgate
CMD ["python", "-m", "include.commands", "--help"]
