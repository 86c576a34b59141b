#!/bin/sh
# Puts this folder's files where Mosquitto reads them, and has Mosquitto take them: at once
# where it can, by a restart where it must. Run it again after every change; when nothing
# changed it does nothing.
#
#   sudo ./install.sh                on the broker's server
#   sudo ./install.sh --files-only   the files alone; no service is touched
set -eu

at='@AT@'
drop_in=/etc/systemd/system/mosquitto.service.d/kaproom.conf

fail() { printf '%s\n' "$1" >&2; exit "$2"; }

cd -- "$(dirname -- "$0")"
[ "$(id -u)" = 0 ] || fail 'install.sh: root is needed; run it with sudo' 2
mosquitto=$(PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v mosquitto) ||
    fail 'install.sh: Mosquitto is not installed; run apt-get install mosquitto' 2
id mosquitto >/dev/null 2>&1 ||
    fail 'install.sh: there is no account mosquitto; install your distribution'\''s package' 2

# Mosquitto reads them as the account mosquitto, and may not change them.
install -d -o root -g mosquitto -m 0750 "$at"
changed=
for file in mosquitto.conf acl passwords ca.crt crl.pem server.crt server.key; do
    cmp -s "$file" "$at/$file" && continue
    install -o root -g mosquitto -m 0640 "$file" "$at/.$file.new"
    mv -f "$at/.$file.new" "$at/$file"
    changed="$changed $file"
done
[ "${1:-}" != --files-only ] || exit 0

[ -d /run/systemd/system ] || {
    echo "files are in $at; start Mosquitto with: $mosquitto -c $at/mosquitto.conf"
    exit 0
}
wanted="[Service]
ExecStart=
ExecStart=$mosquitto -c $at/mosquitto.conf"
if [ "$(cat "$drop_in" 2>/dev/null)" != "$wanted" ]; then
    install -d "$(dirname "$drop_in")"
    printf '%s\n' "$wanted" >"$drop_in"
    systemctl daemon-reload
    systemctl enable --quiet mosquitto
    changed="$changed mosquitto.service"
fi
case $changed in
    '') echo 'nothing changed' ;;
    # A restart hangs up on everybody, so also on whoever was revoked; rooms are back
    # within seconds and lose nothing.
    *.conf* | *.pem* | *.crt* | *.key* | *.service*)
        systemctl restart mosquitto
        echo "restarted Mosquitto for:$changed" ;;
    *)
        systemctl reload mosquitto
        echo "Mosquitto took:$changed" ;;
esac
