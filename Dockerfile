# DSSM Lens with its models baked in. Build and run:
#   docker build -t dssm-lens . && docker run --rm -p 127.0.0.1:8501:8501 dssm-lens
FROM python:3.11-slim

RUN useradd --create-home --uid 10001 lens
WORKDIR /home/lens/app

# The README's start command: the same requirements, installed before the code, so that a change
# of the code does not install them again.
COPY requirements.txt .
RUN pip install --no-cache-dir -q -r requirements.txt
COPY .streamlit .streamlit
COPY streamlit_app.py .
COPY dssm_core dssm_core
COPY sample_models sample_models

# Verdicts and models of the Lab are all that is written; mount a volume here to keep them.
RUN mkdir /home/lens/data && chown lens /home/lens/data
ENV DSSM_STORE=/home/lens/data/verdicts.sqlite3 XDG_DATA_HOME=/home/lens/data \
    TF_CPP_MIN_LOG_LEVEL=3 PYTHONDONTWRITEBYTECODE=1
VOLUME /home/lens/data
USER lens

# All addresses of the container, of which `docker run -p 127.0.0.1:8501:8501` lets one in.
EXPOSE 8501
# Its own address is given, or Streamlit would ask a server on the Internet for it.
ENV STREAMLIT_SERVER_ADDRESS=0.0.0.0 STREAMLIT_SERVER_HEADLESS=true \
    STREAMLIT_BROWSER_SERVER_ADDRESS=localhost
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD \
    ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["streamlit", "run", "streamlit_app.py"]
