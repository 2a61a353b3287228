"""Jobs: what to do as a file, where it was done as a folder, and the one way to do it.

The command line and the window both hand a `Job` to `run`, in their own process or, through
`run_in_child`, in another whose memory is freed when it ends.
"""

from napari_cryonet.jobs.child import run_in_child
from napari_cryonet.jobs.folder import RunFolder
from napari_cryonet.jobs.job import Job
from napari_cryonet.jobs.run import Outcome, run

__all__ = ["Job", "Outcome", "RunFolder", "run", "run_in_child"]
