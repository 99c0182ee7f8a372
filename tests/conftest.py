"""Settings of every test: property tests have no deadline (kernels compile on first use)."""

from hypothesis import settings

settings.register_profile("codesign", deadline=None, derandomize=True)
settings.load_profile("codesign")
