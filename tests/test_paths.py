"""Where files are: in a checkout, in an installed package, and in the user's own folders."""

from __future__ import annotations

import os

import pytest

from dssm_core import paths
from dssm_core.ui.common import state
from tests import ROOT
from tests.tiny import bare_folder


@pytest.fixture
def user(monkeypatch, tmp_path):
    """Return the data folder of a user who has set nothing else."""
    monkeypatch.delenv("DSSM_MODELS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "dssm-lens"


@pytest.fixture
def installed(monkeypatch, tmp_path, user):
    """Return the folder of an installed package's page."""
    path = tmp_path / "site-packages" / "dssm_core" / "app"
    bare_folder(path / "sample_models" / "doors")
    monkeypatch.setattr(paths, "INSTALLED", path)
    return path


def test_in_a_checkout_models_are_read_and_written_in_one_folder(user):
    assert paths.home() == ROOT
    assert paths.model_roots() == [paths.new_models()] == [ROOT / "sample_models"]


def test_in_a_checkout_that_cannot_be_written_new_models_go_to_the_user(user, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert paths.new_models() == user / "models"
    assert paths.model_roots() == [ROOT / "sample_models", user / "models"]


def test_an_installed_package_is_read_and_the_users_folder_is_written(installed, user):
    assert paths.sample_model() == installed / "sample_models" / "debian-packages"
    assert paths.new_models() == user / "models"


def test_the_page_offers_the_samples_and_the_users_own_which_come_first(installed, user):
    bare_folder(user / "models" / "mine")
    bare_folder(user / "models" / "doors")
    folders, troubles = state.model_folders()
    assert troubles == []
    assert folders["doors"].path == user / "models" / "doors"
    assert folders["mine"].path == user / "models" / "mine"


def test_dssm_models_stands_for_all_of_them_from_any_folder(installed, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DSSM_MODELS", "own")
    assert paths.model_roots() == [paths.new_models()] == [tmp_path / "own"]


def test_a_relative_data_folder_is_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.data_folder() == tmp_path / ".local" / "share" / "dssm-lens"
