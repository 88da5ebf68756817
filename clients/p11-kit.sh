#!/bin/sh
# Shows: pkcs11-tool reaches the token through the server of p11-kit, also as another user who cannot read its files
set -eu
. "$(dirname "$0")/_common.sh"
version "$(dpkg-query -W -f 'p11-kit ${Version}' p11-kit 2>/dev/null || p11-kit --version)"
make_keys
client=$(find /usr/lib /usr/lib64 /usr/local/lib -name p11-kit-client.so 2>/dev/null | head -n 1)
[ -n "$client" ] || fail "p11-kit-client.so is not installed"

timeout 200 p11-kit server -f -n "$WORK/p11-kit" --provider "$MODULE" "pkcs11:token=$LABEL" >server.log 2>&1 &
SERVER=$!
wait_for 'P11_KIT_SERVER_ADDRESS' server.log
export P11_KIT_SERVER_ADDRESS="unix:path=$WORK/p11-kit"
direct=$MODULE
MODULE=$client

say "a signature made there is good here"
echo "something to sign" >data
user --sign --mechanism SHA256-RSA-PKCS --id 01 --input-file data --output-file signature
MODULE=$direct
p11 --read-object --type pubkey --id 01 --output-file rsa.der
openssl dgst -sha256 -verify rsa.der -keyform DER -signature signature data
MODULE=$client

say "keys made there are seen here"
user --keypairgen --key-type EC:secp384r1 --label far --id 03
user --keygen --key-type AES:32 --label "far secret" --id 04
MODULE=$direct
prints "far" user -O --type privkey
prints "far secret" user -O --type secrkey
MODULE=$client

say "pkcs11-tool's own tests"
# p11-kit cannot carry zero bytes back: it turns the answer to the test that asks for as many random
# bytes into an error of its own. This one error is allowed, and no other.
user --test >log 2>&1 || { cat log; fail "--test"; }
cat log
grep -v -F -e "C_GenerateRandom(buf1,0)" log >others
if grep -q -e "ERR" others || ! grep -q -x -e "No errors" -e "1 errors" log; then
    fail "--test reports errors"
fi
stop_server

# Only root can start processes of other users.
[ "$(id -u)" -eq 0 ] || exit 0
say "with the command of the systemd unit: one user has the token, another may connect, a third may not"
owner=daemon
user=nobody
stranger=games
group=users
chmod 711 "$WORK"
chmod 755 "$(dirname "$direct")" "$direct" && chmod 644 "$KEYWARD_CONFIG"
chown -R $owner "$KEYWARD_HOME" && chmod 700 "$KEYWARD_HOME"
# The unit's line called NAME, with what systemd would put in.
unit() {
    sed -n "s#%t#$WORK/run#g; s#%i#$LABEL#g; s#@MODULE@#$direct#; s#^$1=##p" "$ROOT/packaging/keyward-server@.service.in"
}
mkdir -p "$WORK/run/keyward-$LABEL"
chown $owner:$group "$WORK/run/keyward-$LABEL"
chmod "$(unit RuntimeDirectoryMode)" "$WORK/run/keyward-$LABEL"
setpriv --reuid $owner --regid $group --clear-groups \
    sh -c "umask $(unit UMask); exec $(unit ExecStart | sed 's/ pkcs11:\(.*\)$/ "pkcs11:\1"/')" >server.log 2>&1 &
SERVER=$!
setpriv --reuid $owner --regid $group --clear-groups sh -c "$(unit ExecStartPost)" ||
    { cat server.log; fail "the server did not start"; }
[ "$(ps -o user= -p "$SERVER" | tr -d ' ')" = $owner ] || fail "the server does not run as $owner"

# as USER GROUP COMMAND...: as that user, in that group, with the server's socket.
as() {
    who="--reuid $1 --regid $2 --clear-groups"
    shift 2
    # shellcheck disable=SC2086 # several options
    setpriv $who env P11_KIT_SERVER_ADDRESS="unix:path=$WORK/run/keyward-$LABEL/pkcs11" "$@"
}
as $user $group timeout 60 pkcs11-tool --module "$client" --token-label "$LABEL" --login --pin "$PIN" --sign \
    --mechanism SHA256-RSA-PKCS --id 01 --input-file data >signature 2>log || { cat log server.log; fail "signing as $user"; }
openssl dgst -sha256 -verify rsa.der -keyform DER -signature signature data
! as $user $group ls "$KEYWARD_HOME" 2>/dev/null || fail "$user can read the token's files"
as $stranger $stranger timeout 60 pkcs11-tool --module "$client" --list-slots >log 2>&1 || true
! grep "$LABEL" log || fail "$stranger can connect"
seen "a server as $owner, a signature for $user in its group, no slots for $stranger"
