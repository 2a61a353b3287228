"""Picking: find all particles of a tomogram from a few that were labelled.

In: rows of a tomogram (`Volume`), its labels (`Points`, classes in the feature ``class``) and,
if wanted, a mask outside which nothing is learnt. Out: a `Model`; applied to a tomogram, the
map of scores as a `Volume` and the picks as `Points` with ``score`` and ``class``. What is not
labelled is not taken as empty: it holds as many particles as are expected.

References
----------
Kiryo, Niu, du Plessis, Sugiyama, *Positive-unlabeled learning with non-negative risk
estimator*, NeurIPS 2017, arXiv:1703.00593. Bepler et al., *Topaz*, Nature Methods 2019,
doi:10.1038/s41592-019-0575-8. Huang, Zhou, Liu, Bartesaghi, *Accurate detection of proteins in
cryo-electron tomograms from sparse labels*, ECCV 2022.
"""
