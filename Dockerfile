# syntax=docker/dockerfile:1
# The program with the embedded models; large models are downloaded only when they are asked for.
#
#   docker build -t guided .
#   docker run --rm -v "$PWD/outputs:/work/outputs" guided "a red heart"
#
# On an NVIDIA GPU, with the NVIDIA Container Toolkit:
#
#   docker build -t guided:cuda --build-arg TORCH=cu128 .
#   docker run --rm --gpus all -v "$PWD/outputs:/work/outputs" -v guided-cache:/cache \
#     guided:cuda models=download model=imagenet512 clip=[vit_b32,vit_b16,rn50]
#   docker run --rm --gpus all -v "$PWD/outputs:/work/outputs" -v guided-cache:/cache \
#     guided:cuda "a lighthouse" model=imagenet512 clip=[vit_b32,vit_b16,rn50]
#
# A mounted folder must be writable for the user inside, number 1000. With another number of one's
# own: --user "$(id -u):$(id -g)".
ARG PYTHON=3.11
FROM python:${PYTHON}-slim-bookworm

# PyTorch's build: cpu, or one for a version of CUDA (cu126, cu128, ...), which brings the
# libraries of CUDA along.
ARG TORCH=cpu
# Extras of pyproject.toml: video (MP4), languages (Chinese-CLIP, SigLIP), lpips.
ARG EXTRAS=video

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONUNBUFFERED=1

# PyTorch first, from the index of its build: otherwise pip takes a CUDA build on Linux.
RUN pip install "torch>=2.6,<2.14" "torchvision>=0.21,<0.29" \
      --index-url "https://download.pytorch.org/whl/${TORCH}"
# The sources are mounted, so that no layer keeps a second copy of the weights.
# hadolint ignore=DL3013
RUN --mount=type=bind,target=/src,rw pip install "/src[${EXTRAS}]"

# Runs are kept in /work/outputs, downloaded models in /cache; every user may write there.
RUN useradd --no-create-home --home-dir /cache --uid 1000 artist \
    && mkdir -p /work/outputs /cache \
    && chown -R artist:artist /work /cache \
    && chmod -R a+rwX /work /cache
ENV HOME=/cache \
    GUIDED_CACHE=/cache/guided \
    HF_HOME=/cache/huggingface
USER 1000
WORKDIR /work
VOLUME ["/work/outputs", "/cache"]
ENTRYPOINT ["guided"]
CMD ["--help"]
