"""Lines of "Label:value" pairs, as Telit's #MONI and Sequans' +SQNMONI print them."""


def labelled(text):
    """("NL KPN", {"CC": "204", ...}) of "NL KPN Cc:204 ...": what stands before the first label, then the labels."""
    name = []
    values = {}
    label = None
    for word in text.split():
        i = word.find(":")
        if i > 0:
            label = word[:i].upper()
            values[label] = word[i + 1 :]
        elif label is None:
            name.append(word)
        elif not values[label]:
            values[label] = word  # a space behind the colon
    return " ".join(name), values
