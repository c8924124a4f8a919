# Two stages: the first builds a virtual environment, the second has nothing but that.
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY config/constraints.txt config/
COPY cdc_daemon cdc_daemon
RUN python -m venv /app && /app/bin/pip install --no-cache-dir -c config/constraints.txt .

FROM python:3.11-slim
# what Microsoft's ODBC driver, which comes as a wheel, needs of the system
RUN apt-get update && apt-get install -y --no-install-recommends \
        unixodbc libltdl7 libkrb5-3 libgssapi-krb5-2 \
    && rm -rf /var/lib/apt/lists/*
# two malloc arenas: threads that take turns would otherwise keep one each
ENV PATH=/app/bin:$PATH \
    MALLOC_ARENA_MAX=2 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CDC_CONFIG=/config/cdc-daemon.yaml
COPY --from=build /app /app
# an ordinary user without a name; the root file system may be read-only, /tmp must not be
USER 10001:10001
EXPOSE 9091
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9091/healthz', timeout=2)"]
ENTRYPOINT ["cdc-daemon"]
CMD ["run"]
