"""The worker process of a camera reader: it alone opens cameras and pictures, and imports OpenCV and the decoders.

`__main__` confines it and serves its agent over a pipe: `pictures` for files of a folder, `watch` for a source of
frames, `look` for a check. Frames come from `source` through `feed`; `choice` takes the sharpest of those in which
`motion` sees something new; `condition` says what is wrong with the picture; `photos` keeps those that are evidence.
"""
