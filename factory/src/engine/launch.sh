# First process of a managed engine. Runs under `unshare --mount --pid --fork`, ends as the engine's init.
#
# A daemon under a plain chroot does not do: runc wants `/` to be a mount point, and containerd's btrfs plugin fails
# on a mount table that does not match the files it sees. So the Debian root becomes the root of a mount namespace of
# its own (pivot_root). Being the first process of a process namespace, its end is the end of everything it started.
#
# Takes: ROOT (Debian root), STATE and RUN (the engine's folders, same paths inside), and for an engine with a
# network of its own LINK_DEVICE, LINK_OUTSIDE, LINK_INSIDE, LINK_MTU.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mount --bind "$ROOT" "$ROOT"
cd "$ROOT"

mount -t proc proc proc
mount -t binfmt_misc binfmt_misc proc/sys/fs/binfmt_misc 2>/dev/null || true # emulation, where the kernel has it
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
for folder in "$STATE" "$RUN"; do
    mkdir -p ".$folder"
    mount --rbind "$folder" ".$folder"
done
mount --bind "$STATE/resolv.conf" etc/resolv.conf
if [ -s "$STATE/ca-certificates.crt" ]; then
    mount --bind "$STATE/ca-certificates.crt" etc/ssl/certs/ca-certificates.crt
fi
if [ -d /etc/cdi ]; then
    mkdir -p etc/cdi
    mount --bind /etc/cdi etc/cdi
fi

if [ -n "${LINK_DEVICE:-}" ]; then
    chroot . ip netns add engine
    chroot . ip link delete "$LINK_DEVICE" 2>/dev/null || true # left by an engine that was killed
    chroot . ip link add "$LINK_DEVICE" mtu "$LINK_MTU" type veth peer name eth0 mtu "$LINK_MTU" netns engine
    chroot . ip address add "$LINK_OUTSIDE/30" dev "$LINK_DEVICE"
    chroot . ip link set "$LINK_DEVICE" up
    chroot . ip -n engine link set lo up
    chroot . ip -n engine address add "$LINK_INSIDE/30" dev eth0
    chroot . ip -n engine link set eth0 up
    chroot . ip -n engine route add default via "$LINK_OUTSIDE"
    enter='nsenter --net=/run/netns/engine'
else
    enter=
fi

pivot_root . .
umount -l .
cd /
mount --make-rshared /
init=$(command -v docker-init || command -v tini)
exec $enter "$init" -- dockerd --config-file "$STATE/daemon.json"
