# The kernel's handlers of foreign programs, in a mount namespace of its own, so that the machine's mounts stay as they are.
#
# Takes ACTION: `list` prints every handler as the kernel shows it; `add` makes the one that RULE describes, in place of
# one of the name NAME; `remove` takes NAME away.
set -eu
handlers=/proc/sys/fs/binfmt_misc
[ -e "$handlers/register" ] || mount -t binfmt_misc binfmt_misc "$handlers"
case "$ACTION" in
    list)
        for handler in "$handlers"/*; do
            case "${handler##*/}" in
                register | status) ;;
                *) echo "name ${handler##*/}" && cat "$handler" ;;
            esac
        done
        ;;
    add)
        [ ! -e "$handlers/$NAME" ] || echo -1 > "$handlers/$NAME"
        printf '%s' "$RULE" > "$handlers/register"
        ;;
    remove) [ ! -e "$handlers/$NAME" ] || echo -1 > "$handlers/$NAME" ;;
esac
