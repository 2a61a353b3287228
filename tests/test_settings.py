"""Settings: one class makes the form, the command line and the TOML file."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from napari_cryonet.errors import SettingsError
from napari_cryonet.settings import Settings, read_toml, setting, toml_text


class Network(Settings):
    """How the network is made."""

    width: int = setting(32, "Channels of the first level", ge=4, le=256)
    depth: int = setting(4, "Levels", ge=1)


class Training(Settings):
    """How it is trained."""

    steps: int = setting(1000, "Number of steps", gt=0)
    rate: float = setting(4e-4, "Learning rate", gt=0, lt=1, advanced=True)
    minutes: float | None = setting(None, "Longest time", unit="min", gt=0)
    name: str = setting("Größe in Å", "Name of the run")
    network: Network = Network()


def test_an_untouched_form_is_complete() -> None:
    assert Training().to_dict() == {
        "steps": 1000,
        "rate": 4e-4,
        "name": "Größe in Å",
        "network": {"width": 32, "depth": 4},
    }


def test_help_unit_and_place_stay_with_the_field() -> None:
    fields = Training.model_fields
    assert fields["minutes"].description == "Longest time (min)"
    assert fields["steps"].description == "Number of steps"
    assert fields["minutes"].json_schema_extra == {"unit": "min", "advanced": False}
    assert fields["rate"].json_schema_extra == {"unit": "", "advanced": True}


def test_settings_are_frozen() -> None:
    settings = Training()
    with pytest.raises(ValidationError, match="frozen"):
        settings.steps = 5
    with pytest.raises(ValidationError, match="frozen"):
        settings.network.width = 8
    assert settings == Training()


@pytest.mark.parametrize(
    ("values", "name"),
    [({"step": 5}, "'step'"), ({"network": {"wide": 5}}, r"'network\.wide'")],
)
def test_an_unknown_key_is_named(values: dict[str, object], name: str) -> None:
    with pytest.raises(SettingsError, match=rf"^Setting {name} is unknown; see --help"):
        Training.load(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": 0}, "Setting 'steps' is 0: input should be greater than 0."),
        ({"rate": 1.0}, "Setting 'rate' is 1.0: input should be less than 1."),
        (
            {"network": {"width": 3}},
            "Setting 'network.width' is 3: input should be greater than or equal to 4.",
        ),
        (
            {"network": {"width": 257}},
            "Setting 'network.width' is 257: input should be less than or equal to 256.",
        ),
    ],
)
def test_a_value_outside_its_limits_is_named_with_the_limit(
    values: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Training.load(values)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "values", [{"steps": "many"}, {"steps": 1.5}, {"name": None}, {"network": 5}]
)
def test_a_value_of_another_kind_is_refused(values: dict[str, object]) -> None:
    (name,) = values
    with pytest.raises(SettingsError, match=f"^Setting '{name}' is "):
        Training.load(values)


def test_something_that_is_no_table_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^Setting 'settings' is 5"):
        Training.load(5)  # type: ignore[arg-type]


def test_the_first_of_several_mistakes_is_explained() -> None:
    with pytest.raises(SettingsError) as caught:
        Training.load({"steps": 0, "rate": 5.0, "other": 1})
    assert "'steps'" in str(caught.value)
    assert "'rate'" not in str(caught.value)


def test_a_default_outside_its_limits_is_a_mistake_of_ours() -> None:
    class Wrong(Settings):
        steps: int = setting(0, "Number of steps", gt=0)

    with pytest.raises(SettingsError, match="'steps' is 0"):
        Wrong.load({})


def test_toml_comes_back(tmp_path: Path) -> None:
    settings = Training(steps=5, minutes=2.5, network=Network(depth=2))
    path = tmp_path / "settings.toml"
    path.write_text(toml_text(settings.to_dict()), encoding="utf-8")
    assert Training.from_toml(path) == settings


def test_what_a_toml_file_leaves_out_keeps_its_default(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("steps = 7\n[network]\ndepth = 2\n", encoding="utf-8")
    assert Training.from_toml(path) == Training(steps=7, network=Network(depth=2))


@pytest.mark.parametrize("content", [b"steps = ", b"[a]\n[a]\n", b"name = '\xff'"])
def test_what_is_not_toml_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"settings\.toml is not a TOML file: "):
        read_toml(path)


def test_a_missing_toml_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"Cannot read .*missing\.toml: No such file"):
        Training.from_toml(tmp_path / "missing.toml")


def test_explicit_is_what_was_set_even_to_the_default() -> None:
    assert Training().explicit() == {}
    assert Training(steps=1000).explicit() == {"steps": 1000}
    settings = Training.load({"network": {"depth": 4}, "minutes": None, "steps": 3})
    assert settings.explicit() == {"steps": 3, "minutes": None, "network": {"depth": 4}}


def test_explicit_is_in_the_order_of_the_class() -> None:
    settings = Training(network=Network(), name="a", rate=0.5, steps=1)
    assert list(settings.explicit()) == ["steps", "rate", "name", "network"]


def test_updating_replaces_at_every_depth_and_leaves_the_rest() -> None:
    first = Training.load({"steps": 5, "network": {"width": 8, "depth": 2}})
    second = first.updated({"rate": 0.1, "network": {"depth": 3}})
    assert second == Training(steps=5, rate=0.1, network=Network(width=8, depth=3))
    assert first == Training(steps=5, network=Network(width=8, depth=2))


def test_updating_adds_to_what_is_explicit() -> None:
    settings = Training.load({"network": {"width": 8}}).updated({"network": {"depth": 3}})
    assert settings.explicit() == {"network": {"width": 8, "depth": 3}}


def test_updating_with_nothing_changes_nothing() -> None:
    settings = Training.load({"steps": 5})
    assert settings.updated({}) == settings
    assert settings.updated({}).explicit() == {"steps": 5}


@pytest.mark.parametrize("values", [{"steps": -1}, {"other": 1}, {"network": {"width": 1}}])
def test_updating_checks_what_it_is_given(values: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        Training().updated(values)
