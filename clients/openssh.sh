#!/bin/sh
# Shows: public keys, an agent, a certificate authority, and logins to a local sshd with RSA and EC keys
set -eu
. "$(dirname "$0")/_common.sh"
. "$CLIENTS/_openssl.sh"
version "$(ssh -V 2>&1)"
make_keys

say "the public keys that ssh-keygen lists are those of the token"
timeout 60 ssh-keygen -D "$MODULE" >listed
cat listed
for key in rsa ec; do
    certify $key
    ssh-keygen -i -m PKCS8 -f $key.pub >$key.ssh
    grep -q -F -e "$(cut -d ' ' -f 1,2 $key.ssh)" listed || fail "$key is not listed"
done

say "an agent signs with them"
# The PIN reaches ssh-add, and ssh-keygen, through a program that prints it.
printf '#!/bin/sh\necho %s\n' "$PIN" >askpass
chmod +x askpass
export SSH_ASKPASS="$WORK/askpass" SSH_ASKPASS_REQUIRE=force SSH_AUTH_SOCK="$WORK/agent"
timeout 120 ssh-agent -D -a "$SSH_AUTH_SOCK" -P "$MODULE" >agent.log 2>&1 &
SERVER=$!
wait_for "$SSH_AUTH_SOCK" agent.log
timeout 30 ssh-add -s "$MODULE"
for key in rsa ec; do
    timeout 30 ssh-add -T $key.ssh
    echo "text" | timeout 30 ssh-keygen -Y sign -f $key.ssh -n file >$key.sig
    printf 'me %s\n' "$(cat $key.ssh)" >allowed
    echo "text" | ssh-keygen -Y verify -f allowed -I me -n file -s $key.sig
done
timeout 30 ssh-add -e "$MODULE"
stop_server

say "a certificate authority whose key is in the token"
ssh-keygen -q -t ed25519 -N '' -f user
timeout 30 ssh-keygen -s ec.ssh -D "$MODULE" -I user -n user user.pub
prints "Signing CA: ECDSA" ssh-keygen -L -f user-cert.pub

say "a login to a local sshd with keys in the token: ssh itself, then the agent, then a certificate"
sshd=$(PATH=$PATH:/usr/sbin command -v sshd) || fail "sshd is not installed"
port=$(free_port)
ssh-keygen -q -t ed25519 -N '' -f host
cat >sshd.conf <<CNF
ListenAddress 127.0.0.1:$port
HostKey $WORK/host
PidFile none
AuthorizedKeysFile $WORK/authorized
TrustedUserCAKeys $WORK/authorities
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
CNF
: >authorized
: >authorities
# As root, sshd wants the directory that its package makes at boot.
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
"$sshd" -D -e -f "$WORK/sshd.conf" >sshd.log 2>&1 &
SERVER=$!
wait_for_port "$port"
echo "[127.0.0.1]:$port $(cut -d ' ' -f 1,2 host.pub)" >known

# login OPTION...: one login with these options; prints what the command over there printed.
login() {
    SSH_AUTH_SOCK=${agent:-} timeout 60 ssh -F none -p "$port" -o UserKnownHostsFile="$WORK/known" -o IdentityFile=none \
        -o PreferredAuthentications=publickey "$@" 127.0.0.1 'echo arrived' </dev/null
}
agent=
if login -o PKCS11Provider="$MODULE" >login.log 2>&1; then
    fail "a login that nobody authorised"
fi
for key in rsa ec; do
    cp $key.ssh authorized
    login -o PKCS11Provider="$MODULE" >login.log 2>&1 || { cat login.log sshd.log; fail "ssh with $key"; }
    grep -q -x arrived login.log || { cat login.log; fail "ssh with $key"; }
done

agent=$WORK/agent2
timeout 300 ssh-agent -D -a "$agent" -P "$MODULE" >agent.log 2>&1 &
agent_process=$!
wait_for "$agent" agent.log
SSH_AUTH_SOCK=$agent timeout 30 ssh-add -s "$MODULE"
for key in rsa ec; do
    cp $key.ssh authorized
    prints arrived login
done
for _ in 1 2 3 4 5 6 7 8 9 10; do prints arrived login; done
kill $agent_process

say "a login with a certificate that the authority in the token signed"
agent=
: >authorized
cp ec.ssh authorities
ssh-keygen -q -t ed25519 -N '' -f me
SSH_AUTH_SOCK='' timeout 30 ssh-keygen -s ec.ssh -D "$MODULE" -I me -n "$(id -un)" me.pub
prints arrived login -i me -o CertificateFile=me-cert.pub
seen "2 logins by ssh with the module, 12 by the agent, 1 by a certificate"
stop_server
