FROM python:3.11-slim AS build
COPY pyproject.toml README.md LICENSE /src/
COPY auth /src/auth
COPY catalog /src/catalog
COPY flight_server /src/flight_server
RUN python -m venv /opt/flight-server && /opt/flight-server/bin/pip install --no-cache-dir /src

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent flight \
    && mkdir -p /etc/flight-server /var/lib/flight-server \
    && chown flight /var/lib/flight-server
COPY --from=build /opt/flight-server /opt/flight-server
ENV PATH=/opt/flight-server/bin:$PATH FLIGHT_SERVER_SERVER__HOST=0.0.0.0
USER flight
EXPOSE 31337
HEALTHCHECK CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 31337), 2)"]
ENTRYPOINT ["flight-server"]
CMD ["serve", "--config", "/etc/flight-server/flight-server.yaml"]
