"""The pipelines every installation starts with, by family. `seeds` lists them all; a change reaches nobody's copy."""
