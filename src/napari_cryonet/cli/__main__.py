"""``python -m napari_cryonet.cli``: the command `cryonet` of this interpreter."""

import sys

from napari_cryonet.cli import main

sys.exit(main())
