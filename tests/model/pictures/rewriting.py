"""Read a file and write it again, as it is."""

from model.pictures import ENCODINGS, decode, encode


def written(data, name="jpeg", metadata="keep"):
    picture = decode(data, metadata=metadata)
    body, notices = encode(picture, picture.rgb, ENCODINGS[name], quality=92)
    return body, picture.notices + notices
