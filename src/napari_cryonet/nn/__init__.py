"""What every method's network shares: device, architectures, patches, tiles, training loop.

Importing this package loads no torch; its modules do, all but `napari_cryonet.nn.settings`.
"""

import os

# How long OpenMP's threads, which it reads when torch is loaded, wait busily for each other.
# By default so long that a training takes five times as long when others use the cores too.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
