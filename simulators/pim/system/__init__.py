"""An NPU whose memory computes: stages, schedules and whole language models on devices that share their layers."""
