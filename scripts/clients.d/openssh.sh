#!/bin/sh
# Shows: public keys for OpenSSH, and an agent that signs with the keys in the token
set -eu
. "$(dirname "$0")/_common.sh"
. "$(dirname "$0")/_openssl.sh"
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
