"""What pyproject.toml cannot say: the wheel holds the page's file, its settings and a model.

They lie at the root of a checkout and in dssm_core/app/ of a wheel; dssm_core/paths.py finds them.
"""

from setuptools import find_packages, setup

setup(
    script_name="setup.py",  # the one file at the root that the wheel leaves out
    packages=[*find_packages(include=["dssm_core*"]), "dssm_core.app"],
    package_dir={"dssm_core.app": "."},
    package_data={
        "dssm_core": ["py.typed", *(f"**/*.{kind}" for kind in ("css", "j2", "toml", "tsv"))],
        "dssm_core.app": [".streamlit/config.toml", "sample_models/debian-packages/*"],
    },
)
