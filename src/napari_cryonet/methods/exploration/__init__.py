"""Exploration: see what kinds of things a tomogram holds, without a single label.

In: tomograms as `Volume`. Out: a `Model`; applied to a tomogram, the strength of blobs of the
particles' size as a `Volume` and the strongest of them as `Points`, each with the cluster it
belongs to and its place in a map of how alike they are. A network learns this by itself: two
differently changed views of one candidate have to be described alike, and the numbers of the
description are not to repeat each other.

References
----------
Zbontar, Jing, Misra, LeCun, Deny, *Barlow Twins*, ICML 2021, arXiv:2103.03230. Huang, Zhou,
Bartesaghi, *MiLoPYP*, Nature Methods 2024, doi:10.1038/s41592-024-02403-6 (exploration of
tomograms by another objective).
"""
