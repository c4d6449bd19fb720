"""The commands of `python -m dssm_core`, thin: each calls one function."""
