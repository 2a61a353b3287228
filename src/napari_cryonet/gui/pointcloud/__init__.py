"""The parts of the Point cloud dock: images and their review, what was found, and its pictures."""
