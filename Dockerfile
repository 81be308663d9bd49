# Ingest and tracking, with the wall built in. One image, two services: docker-compose.yml says which command each runs.

FROM node:22.20.0-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM python:3.11.13-slim-bookworm AS packages
RUN pip install --no-cache-dir --root-user-action=ignore uv==0.8.22
COPY requirements/server.txt /requirements.txt
RUN uv venv /venv && uv pip install --python /venv/bin/python --no-cache --compile-bytecode --require-hashes --requirement /requirements.txt

FROM python:3.11.13-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin plumbline \
    && printf '#!/bin/sh\nexec python -c "from plumbline.cli import main; main()" "$@"\n' >/usr/local/bin/plumbline \
    && chmod 0755 /usr/local/bin/plumbline
COPY --from=packages /venv /venv
WORKDIR /app
COPY LICENSE ./
COPY plumbline plumbline
COPY ingest ingest
COPY tracking_service tracking_service
COPY firmware_configs firmware_configs
COPY --from=web /src/tracking_service/static/wall tracking_service/static/wall
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
ENTRYPOINT ["plumbline"]
CMD ["--help"]
