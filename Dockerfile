# The site in one container: worker and web server, supervised by `manage.py up`. compose.yaml brings the servers beside it.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

RUN useradd --create-home --uid 10001 vectorsite && install --directory --owner=vectorsite /app /data
WORKDIR /app

# The pins are complete: --no-deps, as in `make run`. Before the code, so that a change of it installs nothing again.
COPY requirements.txt ./
RUN pip install --no-deps -r requirements.txt

COPY --chown=vectorsite manage.py ./
COPY --chown=vectorsite vectorsite vectorsite
COPY --chown=vectorsite collections_app collections_app
COPY --chown=vectorsite search_app search_app
COPY --chown=vectorsite docker docker

USER vectorsite
ENV HOST=0.0.0.0 PORT=8000 VAR_DIR=/data ALLOWED_HOSTS=localhost
VOLUME /data
EXPOSE 8000

HEALTHCHECK --interval=30s --timeout=10s --start-period=120s CMD ["python", "docker/healthcheck.py"]
# It stops all that it has started, and gives each its time: `docker stop --time 90`.
CMD ["python", "manage.py", "up"]
