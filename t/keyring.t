# A keytab at rest is kept in memory, and a ticket is opened with the one key that it names. What the
# file says counts all the same, from the first token on: rotated, replaced, gone, unreadable.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Httpd 'mpm';
use NegTest::Keytab qw(read_keytab write_keytab AES128);
use NegTest::Stage;
use Time::HiRes 'sleep';

use constant REST => 2.2;    # seconds: see src/gss/keyring.c

plan skip_all => 'keys are kept by each thread, whatever runs it' if mpm() eq 'prefork';
plan tests => 60;

my $host   = 'keyring.example.test';
my $keytab = keytab('keyring');
my $second = keytab('keyring-second');
my $root   = $> == 0;
my $trace  = stage_dir() . '/rcache/krb5.trace';    # a directory of httpd's

kdc()->add_principal($_) for "HTTP/$host", "host/$host", "HTTP/other.$host";
kdc()->add_to_keytab($keytab, [ "HTTP/$host", "host/$host", "HTTP/other.$host" ]);
my @keys = read_keytab($keytab);
write_keytab($keytab, @keys);
kdc()->add_principal("HTTP/second.$host");
kdc()->add_to_keytab($second, ["HTTP/second.$host"]);
write_keytab($second, read_keytab($second));

open my $created, '>', $trace or die "$trace: $!\n";
close $created;
NegTest::Stage->give_to_httpd($trace, 0600);
my $server = server(env => { KRB5_TRACE => $trace }, conf => <<"CONF")->start;
StartServers 1
ServerLimit 1
<IfModule event.c>
    ThreadsPerChild 3
    MaxRequestWorkers 3
    MinSpareThreads 1
    MaxSpareThreads 3
</IfModule>
AliasMatch "^/(?:http|any|named|second)/" "\@documentroot\@/plain.txt"
AuthNegotiateKeytab $keytab
<LocationMatch "^/(?:http|any|named|second)/">
    AuthType Negotiate
    AuthName test
    Require valid-user
</LocationMatch>
<Location /any>
    AuthNegotiateAcceptor any
</Location>
<Location /named>
    AuthNegotiateAcceptor HTTP\@$host
</Location>
<Location /second>
    AuthNegotiateKeytab $second
</Location>
CONF

# --- helpers -----------------------------------------------------------------

sub ticket { return kdc()->kinit('alice') }

sub send_token {
    my ($path, $service, $ccache, @more) = @_;
    my $token = initiator('alice', target => $service, ccache => $ccache, @more)->step;
    return http(port => $server->port)->get($path, Authorization => negotiate($token));
}

sub in_memory {
    open my $in, '<', $trace or return 0;
    return scalar grep { /from MEMORY:auth_negotiate/ } <$in>;
}

# Whether the answer took the keys in memory.
sub answered {
    my ($name, $kind, $status, $cause, @request) = @_;
    my $before = in_memory();
    my $log    = $server->log->mark;
    my $r      = send_token(@request);
    is $r->status, $status, $name;
    ok $log->wait_for(qr/refused \(\Q$cause\E\)/) ? 1 : 0, "... $cause" if $cause;
    is in_memory() > $before ? 'memory' : 'file', $kind, "... from $kind" if $kind;
    return;
}

sub rest { sleep REST; return }

# --- at rest, and not ----------------------------------------------------------

my $service = "HTTP\@$host";
my $old     = ticket();

utime undef, undef, $keytab;
answered('a keytab that was just written', 'file', 200, undef, '/http/', $service, $old);
rest();
answered('a keytab at rest', 'memory', 200, undef, '/http/', $service, $old);
answered('a bare Kerberos token', 'memory', 200, undef, '/http/', $service, $old, mech => 'krb5');
answered('another service of the same keytab', 'memory', 200, undef, '/http/', "HTTP\@other.$host", $old);

# --- the acceptor decides, not the keytab ----------------------------------------

answered('a ticket for host/ where HTTP accepts', 'file', 401, 'wrong-service', '/http/', "host\@$host", $old);
answered('... and where any does', 'memory', 200, undef, '/any/', "host\@$host", $old);
answered('a ticket for another host where one is named', 'file', 401, 'wrong-service', '/named/', "HTTP\@other.$host", $old);
answered('... and for that one', undef, 200, undef, '/named/', $service, $old);

# --- more than one keytab, more than one process ---------------------------------

answered('a ticket for the key of another keytab', 'memory', 200, undef, '/second/', "HTTP\@second.$host", $old);
answered('... where the first one is', 'file', 401, 'no-key', '/http/', "HTTP\@second.$host", $old);
answered('a key of the first one, where the other is', 'file', 401, 'no-key', '/second/', $service, $old);
ok $server->restart(graceful => 1), 'a graceful restart';
answered('... and both are read again', 'memory', 200, undef, $_->[0], "HTTP\@$_->[1]$host", $old)
  for [ '/http/', '' ], [ '/second/', 'second.' ];

# --- changes -----------------------------------------------------------------------

write_keytab($keytab, map { { %$_, key => ~$_->{key} } } @keys);
answered('another key in a file of the same size, at once', 'file', 401, 'wrong-key', '/http/', $service, $old);
rest();
answered('... and at rest', 'memory', 401, 'wrong-key', '/http/', $service, $old);
write_keytab($keytab, @keys);
answered('the right key again, at once', 'file', 200, undef, '/http/', $service, $old);

my @wrong = map { { %$_, key => ~$_->{key} } } @keys;
write_keytab($keytab, @wrong, @keys);
rest();
answered('two keys of one name, of which one is right', 'file', 200, undef, '/http/', $service, $old);
write_keytab($keytab, @keys, @wrong);
rest();
answered('... in the other order', 'file', 200, undef, '/http/', $service, $old);
write_keytab($keytab, @keys);

kdc()->change_key("HTTP/$host");
my $new = ticket();
rest();
answered('a rotation: the keytab is stale', 'file', 401, 'kvno', '/http/', $service, $new);
answered('... and good for an old ticket', 'memory', 200, undef, '/http/', $service, $old);
kdc()->add_to_keytab($keytab, "HTTP/$host");
answered('the new key is appended: a new ticket', 'file', 200, undef, '/http/', $service, $new);
rest();
answered('... at rest', 'memory', 200, undef, '/http/', $service, $new);
answered('... and an old ticket', 'memory', 200, undef, '/http/', $service, $old);

unlink $keytab;
answered('the keytab is deleted', 'file', 500, 'keytab', '/http/', $service, $new);
write_keytab($keytab, @keys);
chown 0, 0, $keytab if $root;
chmod $root ? 0600 : 0, $keytab;
rest();
answered('it cannot be read', 'file', 500, 'keytab', '/http/', $service, $old);

is_deeply [ $server->log->crashes ], [], 'nobody died';
