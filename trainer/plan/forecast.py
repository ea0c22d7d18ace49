"""Whether memory and disk suffice for a run, and what to change where they do not."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

from trainer import memory
from trainer.config.run import RunConfig
from trainer.layers import check_compiler
from trainer.memory import Device, SamplerMemory, Shape, UpdateMemory
from trainer.plan.figures import Disk, Forecast, Prompts, Step, in_units
from trainer.plan.findings import Findings
from trainer.plan.model import PlannedModel
from trainer.settings import ConfigError

ROLLOUT_BYTES_PER_TOKEN = 6
"""Of a run directory's Parquet files: text of prompt and completion, before compression."""


def memory_forecast(config: RunConfig, model: PlannedModel, prompts: Prompts, found: Findings) -> Forecast:
    device, new_tokens = memory.find_device(), config.sampling.max_new_tokens
    width = min(round(prompts.mean) + new_tokens, model.context)
    rows = min(max(1, config.micro_batch_tokens // width), config.completions // config.minibatches)
    shape = Shape(rows, width, rows * min(new_tokens, width - 1))
    has_reference = bool(config.objective.method.kl_coef) and config.model.lora is None  # which is its own
    updates = {
        name: memory.of_update(
            model.config, config.model, optim, shape, device=device.kind, has_reference=has_reference
        )
        for name, optim in _optimizers(config).items()
    }
    largest = max(updates, key=lambda name: updates[name].total)
    sampler, cached = SamplerMemory(0, 0, 0, 0), 0
    if config.sampling.sampler == "vllm":
        sampler = memory.of_vllm(
            model.config,
            dtype=config.model.dtype,
            device=device,
            context=model.context,
            sequences=max(config.completions, 256),
            longest=min(model.context, config.max_prompt_tokens + config.longest_completion),
            share=config.sampling.gpu_memory,
            cache_gib=config.sampling.cpu_cache_gib,
        )
        cached = sampler.cache_tokens // (prompts.longest + new_tokens)
    program = memory.CUDA_BYTES if device.kind == "cuda" else memory.of_this_process()
    forecast = Forecast(device, program, updates[largest], largest, shape, sampler, cached, config.sampling.sleep)
    if config.sampling.sleep and device.kind == "cpu":
        found.mistakes.append("sampling.sleep: needs a GPU: vLLM's CPU build does not sleep; leave it out")
    if config.model.compile:
        with found.taking():
            check_compiler(device.kind)
    with found.taking():
        _check_cache(config, model, forecast)
    with found.taking():
        _check_total(config, forecast)
    if device.free < forecast.total <= device.capacity:
        found.warnings.append(
            f"the run takes {in_units(forecast.total)}, and {in_units(device.free)} of {in_units(device.capacity)} are "
            "free now"
        )
    return forecast


def disk_forecast(
    config: RunConfig, update: UpdateMemory, prompts: Prompts, step: Step, path: Path, found: Findings
) -> Disk:
    """Start and stages stay, without an optimizer; of the steps' those to be kept, and one more while it is written."""
    stay = 1 + len(config.sft)
    kept = config.checkpoints.keep + config.checkpoints.best
    numbered = min(kept + 1, math.ceil(config.steps / config.checkpoints.every))
    checkpoints = (stay + numbered) * update.weights + numbered * update.optimizer
    tokens = config.steps * step.sampled * (prompts.mean + config.sampling.max_new_tokens)
    there = 0 if (path / "summary.json").exists() else _bytes_in(path)
    place = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    disk = Disk(max(0, checkpoints - there), round(tokens * ROLLOUT_BYTES_PER_TOKEN), free)
    if disk.checkpoints + disk.rollouts > free:
        found.mistakes.append(
            f"{path}: checkpoints and rollouts take {in_units(disk.checkpoints + disk.rollouts)} and the disk has "
            f"{in_units(free)} free: lower checkpoints.keep (it is {config.checkpoints.keep}), or make room"
        )
    return disk


def _optimizers(config: RunConfig) -> dict[str, Any]:
    """One of each kind: only whether Muon is in it decides how much it keeps."""
    every = {"reinforcement learning": config.optim, **{f"sft.{stage.name}": stage.optim for stage in config.sft}}
    return dict({optim.muon_lr is None: (name, optim) for name, optim in reversed(every.items())}.values())


def _check_cache(config: RunConfig, model: PlannedModel, forecast: Forecast) -> None:
    """Raise `ConfigError` if vLLM would refuse to start for want of room for keys and values."""
    sampler, setting = forecast.sampler, _sampler_setting(forecast.device)
    if config.sampling.sampler == "vllm" and sampler.cache_tokens < model.context:
        need = model.context * memory.cache_bytes_per_token(model.config, config.model.dtype)
        raise ConfigError(
            f"{setting}: the sampler's cache of {in_units(sampler.cache)} holds {sampler.cache_tokens:,} tokens, and "
            f"vLLM wants room for one of the model's whole context ({model.context:,} tokens, {in_units(need)}): "
            "raise it"
        )


def _sampler_setting(device: Device) -> str:
    """Which setting says how much memory vLLM may take."""
    return "sampling.gpu_memory" if device.kind == "cuda" else "sampling.cpu_cache_gib"


def _check_total(config: RunConfig, forecast: Forecast) -> None:
    """Raise `ConfigError` with what to change, if anything does help."""
    device, sampler, update = forecast.device, forecast.sampler, forecast.update
    if forecast.total <= device.capacity:
        return
    tokens = forecast.micro_batch.rows * forecast.micro_batch.width
    room = device.capacity - forecast.program - update.fixed - (0 if forecast.sleeps else sampler.total)
    fitting = room * tokens // (update.total - update.fixed)
    if fitting >= forecast.micro_batch.width:
        change = f"lower micro_batch_tokens to {fitting // 16 * 16}"
    elif sampler.cache > forecast.total - device.capacity:
        change = f"lower {_sampler_setting(device)}"
    elif not config.model.gradient_checkpointing and device.capacity > forecast.total - update.activations:
        change = "set model.gradient_checkpointing=true"
    elif forecast.program + update.fixed > device.capacity:  # however short the completions are
        change = "train a smaller model" + ", or an adapter alone ([model.lora])" * (config.model.lora is None)
    else:
        change = "train a smaller model, or lower sampling.max_new_tokens"
    raise ConfigError(
        f"memory: the run takes {in_units(forecast.total)} and {device.name} has {in_units(device.capacity)}: {change}"
    )


def _bytes_in(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
