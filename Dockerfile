# One image for every service of docker-compose.yaml that is our own.

FROM python:3.11-slim-bookworm AS build
# unchecked-hash: compiled files count whatever time their sources bear, for not every builder keeps it to the second
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 PYC_INVALIDATION_MODE=UNCHECKED_HASH UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv
WORKDIR /opt/shotclock
COPY pyproject.toml requirements.txt ./
# what running asks for, in the lock's versions and with its hashes: without the tools of development
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv .venv && uv pip install --python .venv --constraints requirements.txt --requirements pyproject.toml \
        --extra production --extra slack --extra mail --extra examples && \
    for package in matplotlib numpy pandas pyarrow scipy sklearn statsmodels; do \
    find .venv/lib/*/site-packages/$package -type d -name tests -prune -exec rm -r {} +; done && \
    find .venv -type f \( -name '*.map' -o -name '*.ipynb' \) -delete
# PyCaret's own environment, for projects with `backend: pycaret`: docker build --build-arg PYCARET=no leaves it out
ARG PYCARET=yes
COPY requirements-pycaret.txt ./
RUN --mount=type=cache,target=/root/.cache/uv \
    mkdir .venv-pycaret && if [ "$PYCARET" = yes ]; then \
    uv venv --clear .venv-pycaret && uv pip sync --python .venv-pycaret --require-hashes requirements-pycaret.txt; fi
COPY README.md ./
COPY include include
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --python .venv --no-deps --editable . && \
    .venv/bin/python -m compileall -q --invalidation-mode unchecked-hash include

FROM python:3.11-slim-bookworm
# libgomp1: threads of scikit-learn and LightGBM; postgresql-client: of the same release as the server, for backups;
# tini: the first process, which reaps what others left, as Celery does not
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 postgresql-client tini && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --uid 50000 --gid 0 --no-create-home --home-dir /opt/shotclock/var shotclock
WORKDIR /opt/shotclock
ENV PATH=/opt/shotclock/.venv/bin:$PATH \
    PYTHONPATH=/opt/shotclock/config \
    LC_ALL=C.UTF-8 \
    GIT_PYTHON_REFRESH=quiet \
    SHOTCLOCK_HOME=/opt/shotclock \
    AIRFLOW_HOME=/opt/shotclock/var/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/shotclock/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/shotclock/plugins \
    AIRFLOW__LOGGING__BASE_LOG_FOLDER=/opt/shotclock/var/log/tasks
COPY --from=build /opt/shotclock/.venv .venv
COPY --from=build /opt/shotclock/.venv-pycaret .venv-pycaret
COPY --from=build /opt/shotclock/include include
COPY config config
COPY dags dags
COPY plugins plugins
COPY dashboard dashboard
RUN python -m compileall -q --invalidation-mode unchecked-hash config dags plugins dashboard && \
    install --directory --owner=50000 --group=0 --mode=0775 data source var var/airflow var/log
USER 50000
ENTRYPOINT ["tini", "--"]
