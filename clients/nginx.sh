#!/bin/sh
# Shows: nginx with RSA and EC keys in the token: a thousand handshakes each, while workers are killed and replaced
# Two settings of nginx belong to it: "env KEYWARD_HOME" (nginx clears the environment of its workers, and
# each worker initialises the module again after the fork), and a user for the workers who may open the token.
set -eu
. "$(dirname "$0")/_common.sh"
. "$CLIENTS/_openssl.sh"
PATH=$PATH:/usr/sbin
command -v nginx >/dev/null || fail "nginx is not installed"
version "$(nginx -v 2>&1)"
make_keys
for key in rsa ec; do certify $key; done
rsa_port=$(free_port)
ec_port=$(free_port)
mkdir -p logs

# server KEY PORT: a server with that key.
server() {
    cat <<CONF
    server {
        listen 127.0.0.1:$2 ssl;
        ssl_certificate $WORK/$1.crt;
        ssl_certificate_key "engine:pkcs11:$(uri "$1")";
        location / { return 200 "hello\n"; }
    }
CONF
}
# Where nginx starts as root, its workers would become another user, who cannot open this token.
[ "$(id -u)" -ne 0 ] || echo "user root;" >nginx.conf
cat >>nginx.conf <<CONF
daemon off;
worker_processes 2;
pid $WORK/nginx.pid;
error_log $WORK/error.log info;
ssl_engine pkcs11;
env OPENSSL_CONF;
env KEYWARD_HOME;
env KEYWARD_CONFIG;
env SOFTHSM2_CONF;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path $WORK/logs; proxy_temp_path $WORK/logs; fastcgi_temp_path $WORK/logs;
    uwsgi_temp_path $WORK/logs; scgi_temp_path $WORK/logs;
    ssl_session_cache off;
    ssl_session_tickets off;
$(server rsa "$rsa_port")
$(server ec "$ec_port")
}
CONF
chmod 755 "$WORK"

OPENSSL_CONF="$WORK/engine.cnf" nginx -c "$WORK/nginx.conf" -p "$WORK" >nginx.log 2>&1 &
SERVER=$!
wait_for_port "$rsa_port" || { cat nginx.log error.log; exit 1; }

# The processes that nginx's master started and that still run.
workers() {
    ps -o pid= --ppid "$SERVER"
}

say "handshakes"
handshakes 200 "$rsa_port" rsa.crt
handshakes 200 "$ec_port" ec.crt

say "workers that are asked to go (nginx reloads), a few at a time, under load"
first=$(workers | tr -d '\n')
(for _ in 1 2 3 4; do sleep 1; kill -HUP "$SERVER"; done) &
reloads=$!
handshakes 800 "$rsa_port" rsa.crt
handshakes 800 "$ec_port" ec.crt
wait $reloads
sleep 1
for worker in $first; do
    ! kill -0 "$worker" 2>/dev/null || fail "worker $worker was not replaced"
done

say "workers that are killed: the master starts others"
for worker in $(workers); do kill -9 "$worker"; done
sleep 1
handshakes 100 "$rsa_port" rsa.crt
handshakes 100 "$ec_port" ec.crt
if grep -E '\[(alert|crit|emerg)\]' error.log | grep -v 'exited on signal 9'; then
    fail "nginx reports errors"
fi
stop_server
