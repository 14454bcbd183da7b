# The command `chatislav`, as a user without rights and without build tools: docs/containers.md.
#
#   docker build --tag chatislav:0.1.0 .
#   docker build --tag chatislav:0.1.0 --build-arg EXTRAS=snowflake,report .

ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG EXTRAS=postgres
ENV UV_PYTHON_DOWNLOADS=never
WORKDIR /src
COPY constraints.txt ./
RUN mkdir /data && \
    python -m pip install --quiet --no-cache-dir --constraint constraints.txt uv && \
    uv venv --quiet --python python /opt/chatislav
COPY pyproject.toml README.md LICENSE ./
COPY chatislav_source ./chatislav_source
RUN uv pip install --quiet --python /opt/chatislav --compile-bytecode \
    --constraints constraints.txt ".[${EXTRAS}]"

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/chatislav /opt/chatislav
# The only folders that are written to are /data and /tmp, and neither must be kept.
COPY --from=build --chown=10001:10001 /data /data
ENV PATH=/opt/chatislav/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    DLT_DATA_DIR=/data/dlt
WORKDIR /data
USER 10001:10001
ENTRYPOINT ["chatislav"]
CMD ["sync"]
