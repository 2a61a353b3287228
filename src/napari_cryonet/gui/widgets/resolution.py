"""The Resolution dock: the FSC and the local resolution of two halves, or one map by a network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import napari
from qtpy.QtWidgets import QFileDialog, QTabWidget, QVBoxLayout, QWidget

from napari_cryonet.errors import DataError
from napari_cryonet.gui.dock import Dock
from napari_cryonet.gui.form import SettingsForm
from napari_cryonet.gui.layer_box import LayerBox, is_mask
from napari_cryonet.gui.layout import empty_form, row, scrolling, text_label, tipped_button
from napari_cryonet.gui.resolution_layer import Found, Pair, dress, save_chimerax, surface
from napari_cryonet.gui.resolution_panes import CurvesPane, SpreadPane
from napari_cryonet.gui.resolution_room import ResolutionRoom
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.waiting import waited
from napari_cryonet.gui.widgets.halves import HalvesPicker
from napari_cryonet.gui.work import Work
from napari_cryonet.io.fsc import SUFFIXES
from napari_cryonet.jobs import Job, Outcome
from napari_cryonet.methods import table
from napari_cryonet.reporting import Reporter
from napari_cryonet.signal.fsc import measure, remarks
from napari_cryonet.signal.halves import check_halves, mask_of
from napari_cryonet.signal.resolution_settings import FscSettings, Masking
from napari_cryonet.types import Volume
from napari_cryonet.types.fsc import Fsc

_FSC, _LOCAL = "FSC of ", "Local resolution of "
_MASK = tuple(Masking.model_fields)
_MADE = "made from the halves, as below"
_WIDTH, _GAP = 400, 8


class ResolutionWidget(Dock):
    """The dock.

    Parameters
    ----------
    napari_viewer
        The viewer it belongs to.
    jobs
        The runner of the jobs; None for the application's own.

    Attributes
    ----------
    found
        The newest local resolution, None before the first.
    single
        What is done with a single map.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, jobs: Runner | None = None) -> None:
        super().__init__(napari_viewer, jobs)
        self.method = table.find("local_fsc")
        self.found: Found | None = None
        self._pairs: dict[Work, Pair] = {}
        self.halves = HalvesPicker(napari_viewer)
        self.halves.more_button.hide()
        self.mask = LayerBox(napari_viewer, is_mask, _MADE)
        self.mask.setToolTip("A mask layer, or one that is made from the average of the halves")
        self.single = ResolutionRoom(napari_viewer, self.halves, self.mask, jobs)
        self.fsc_form = SettingsForm(FscSettings)
        self.local_form = SettingsForm(self.method.settings("apply"), hidden=_MASK)
        self.curves, self.spread = CurvesPane(), SpreadPane()
        self.fsc_button = tipped_button("Resolution", "Measure the FSC of the two halves")
        self.curves_button = tipped_button(
            "Save curves…", "As XML for the EMDB, STAR, CSV or a figure"
        )
        self.local_button = tipped_button(
            "Local resolution", "Measure the resolution at every voxel"
        )
        self.surface_button = tipped_button(
            "Surface", "Show the density in the same colours, in 3D"
        )
        self.script_button = tipped_button(
            "ChimeraX…", "Write a script that colours the density there"
        )
        for button in (self.curves_button, self.surface_button, self.script_button):
            button.setEnabled(False)
        self._lay_out()
        self.fsc_button.clicked.connect(self._on_fsc)
        self.local_button.clicked.connect(self._on_local)
        self.curves_button.clicked.connect(self._on_save_curves)
        self.surface_button.clicked.connect(self._on_surface)
        self.script_button.clicked.connect(self._on_script)
        self.mask.changed.connect(self._on_mask)

    def measure(self) -> Work:
        """Put the FSC of the halves into the queue.

        Raises
        ------
        CryonetError
            If data or settings do not suit.
        """
        halves, mask = self._chosen()
        settings: FscSettings = self.fsc_form.value()

        def do(report: Reporter) -> Outcome:
            def tick(share: float) -> None:
                report.step(share, 1.0)
                report.check()

            curves = measure(halves, mask_of(halves, mask, settings), settings, tick)
            said = remarks(curves, halves)
            return Outcome(measures={"fsc": curves.to_dict(), "remarks": said})

        return self.follow(self._runner.add(Work(f"{_FSC}{halves[0].name}", do)))

    def localise(self) -> Work:
        """Put the local resolution of the halves into the queue.

        Raises
        ------
        CryonetError
            If data or settings do not suit.
        """
        halves, mask = self._chosen()
        things = [*halves, *([] if mask is None else [mask])]
        given = {f"layer: {thing.name}": thing for thing in things}
        if len(given) < len(things):
            raise DataError("The mask is one of the halves; choose another layer.")
        making: FscSettings = self.fsc_form.value()
        settings = self.local_form.value().updated({name: getattr(making, name) for name in _MASK})
        job = Job(
            method=self.method.name,
            action="apply",
            inputs=(tuple(given),),
            settings=settings.to_dict(),
        )
        work = self.submit(f"{_LOCAL}{halves[0].name}", job, given)
        self._pairs[work] = halves
        return work

    def finished(self, work: Work) -> None:
        """Show the curves, or the local resolution."""
        outcome, halves = work.outcome, self._pairs.pop(work, None)
        if outcome is None:
            return
        if outcome.volume is None or halves is None:
            self.curves.show_fsc(
                Fsc.from_dict(outcome.measures["fsc"]), outcome.measures["remarks"]
            )
            self.curves_button.setEnabled(True)
            return
        name = f"{work.title.removeprefix(_LOCAL)} local resolution"
        self.found = Found(halves, replace(outcome.volume, name=name), dict(outcome.measures))
        self.show_result(self.found.resolution)
        dress(self.result, self.found.span)
        self.spread.show_spread(self.found.resolution, self.found.measures)
        for button in (self.surface_button, self.script_button):
            button.setEnabled(True)

    def show_surface(self) -> None:
        """Show the density as a surface in the colours of its local resolution, and that alone.

        Raises
        ------
        DataError
            If there is no local resolution yet.
        """
        found, whole = self._newest(), self.result
        thing = waited(lambda _: surface(found), "Surface")
        for layer in self.viewer.layers:
            layer.visible = False
        self.show_result(thing)
        dress(self.result, found.span)
        self.result = whole  # what is saved stays the map
        self.viewer.dims.ndisplay = 3

    def save_chimerax(self, path: Path) -> None:
        """Write a ChimeraX script, and beside it the density and the local resolution.

        Parameters
        ----------
        path
            The script; replaced if it is there.

        Raises
        ------
        DataError
            If there is no local resolution yet.
        FileProblem
            If a file cannot be written.
        """
        found = self._newest()
        waited(lambda _: save_chimerax(path, found), f"Saving {path.name}")
        self.message.setText("")

    def _chosen(self) -> tuple[Pair, Volume | None]:
        """Return the halves and the mask, None to make one."""
        _, given = self.halves.rows(training=False)
        if len(given) < 2:
            raise DataError("Resolution is measured between two half maps; choose half 2 as well.")
        first, second = given.values()
        check_halves(first, second)
        return (first, second), self.mask.volume_or_none()

    def _newest(self) -> Found:
        """Return the newest local resolution."""
        if self.found is None:
            raise DataError("There is no local resolution yet; press Local resolution first.")
        return self.found

    # Slots are methods: napari drops a closed dock, and a closure would keep it half alive.

    def _on_fsc(self) -> None:
        """Measure the FSC."""
        self.guard(self.measure)

    def _on_local(self) -> None:
        """Measure the local resolution."""
        self.guard(self.localise)

    def _on_mask(self) -> None:
        """Let a mask be described only if one is to be made."""
        for name in _MASK:
            self.fsc_form.widgets[name].enabled = self.mask.layer() is None

    def _on_surface(self) -> None:
        """Show the surface."""
        self.guard(self.show_surface)

    def _on_save_curves(self) -> None:
        """Ask for a file and save the curves."""
        kinds = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        chosen, _ = QFileDialog.getSaveFileName(self, "Save the curves", "fsc.xml", kinds)
        if chosen:
            self.guard(lambda: self.curves.save(Path(chosen)))

    def _on_script(self) -> None:
        """Ask for a file and write the script."""
        what = "ChimeraX commands (*.cxc)"
        chosen, _ = QFileDialog.getSaveFileName(self, "Save a script", "resolution.cxc", what)
        if chosen:
            self.guard(lambda: self.save_chimerax(Path(chosen).with_suffix(".cxc")))

    def _lay_out(self) -> None:
        """Put everything in its place."""
        mask = empty_form()
        mask.addRow("Mask layer", self.mask)
        inside = QWidget()
        page = QVBoxLayout(inside)
        page.setContentsMargins(0, 0, _GAP, 0)
        page.addWidget(self.fsc_form)
        page.addWidget(row(self.fsc_button, self.curves_button))
        page.addWidget(self.curves)
        page.addWidget(self.local_form)
        page.addWidget(row(self.local_button, self.save_button))
        page.addWidget(self.spread)
        page.addWidget(row(self.surface_button, self.script_button))
        page.addLayout(self.job_view)
        page.addStretch()
        self.tabs = QTabWidget()
        self.tabs.addTab(scrolling(inside), "From half maps")
        self.tabs.addTab(scrolling(self.single), "From one map")
        layout = QVBoxLayout(self)
        summary = text_label()
        summary.setText(
            "How fine the detail of a map is: as a whole, and around each voxel. Two half maps are "
            "measured; from one map it is estimated."
        )
        layout.addWidget(summary)
        layout.addWidget(self.halves)
        layout.addLayout(mask)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.message)
        self.setMinimumWidth(_WIDTH)
