"""The settings that the command makes before torch and vLLM are loaded."""

import os

from trainer.cli.process import prepare_process

os.environ.setdefault("HF_HUB_OFFLINE", "1")
prepare_process()
