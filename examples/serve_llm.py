"""A model in Serve LLM, read once per cluster: `python examples/serve_llm.py ORG/NAME`.

Each replica's node has the model before its engine starts. All replicas share one download, and one
that is added later gets the files from the others. Without GPUs, add `--cpu`; it needs a vLLM that
was built for that.
"""

from __future__ import annotations

import argparse
from typing import Any

from ray import serve
from ray.serve.llm import LLMConfig, build_openai_app

DOWNLOADER = "xfd_ray.frameworks.serve_llm.ClusterDownloader"


def configured(model: str, replicas: int, on_cpus: bool) -> LLMConfig:
    """The line for xfd is that of the callback."""
    settings: dict[str, Any] = {
        "model_loading_config": {"model_id": "model", "model_source": model},
        "engine_kwargs": {"max_model_len": 64},
        "deployment_config": {"num_replicas": replicas},
        "callback_config": {"callback_class": DOWNLOADER},
    }
    if on_cpus:
        settings["accelerator_config"] = {"kind": "cpu"}
        settings["placement_group_config"] = {"bundles": [{"CPU": 1}]}
        settings["engine_kwargs"] |= {"enforce_eager": True, "dtype": "float32"}
    return LLMConfig(**settings)


def main() -> None:
    """Serves the model, which then answers at /v1/completions."""
    parser = argparse.ArgumentParser(description="Serves a model with an OpenAI API.")
    parser.add_argument("model", help="ORG/NAME of the hub, or s3://bucket/folder")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--cpu", action="store_true", help="run the engine on CPUs")
    chosen = parser.parse_args()
    config = configured(chosen.model, chosen.replicas, chosen.cpu)
    serve.run(build_openai_app({"llm_configs": [config]}))
    print("Ask http://127.0.0.1:8000/v1/completions for the model `model`")


if __name__ == "__main__":
    main()
