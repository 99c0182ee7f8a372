"""Processing in memory: devices as descriptions, attention mapped to them, a command kernel, its plain twin."""
