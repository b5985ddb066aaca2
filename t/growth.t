# Work that a configuration or a client makes grows no faster than what is configured or sent: many
# Require lines, many groups, many keys in a keytab.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Httpd 'mpm';
use NegTest::Keytab qw(write_keytab entry);
use NegTest::Pac qw(logon_info mint);
use Time::HiRes 'sleep';

use constant {
    RULES => 3000,
    KEYS  => 200,
    REST  => 2.2,     # seconds: see src/gss/keyring.c
    ROOM  => 4096,    # kilobytes: what 3,000 rules took was a hundred times as much
};

plan skip_all => 'what rules and keys cost does not depend on the MPM' if mpm() eq 'prefork';
plan tests => 2;

my $DOMAIN = 'S-1-5-21-1-2-3';
my $under_sanitizer = $ENV{NEG_SANITIZE_PRELOAD} ? 1 : 0;

my $one_child = <<'CONF';
StartServers 1
ServerLimit 1
ThreadsPerChild 2
MaxRequestWorkers 2
MinSpareThreads 1
MaxSpareThreads 2
CONF

sub ticket_of {
    my (%opt) = @_;
    my $ccache = 'FILE:' . stage_dir() . '/growth-' . ++our $tickets;
    return mint(ccache => $ccache, client => 'alice@EXAMPLE.TEST', service => 'HTTP/localhost@EXAMPLE.TEST', keytab => keytab(), %opt);
}

sub status_of {
    my ($server, $path, $ccache, $target) = @_;
    my $gss = NegTest::Initiator->new(ccache => $ccache, target => $target || 'HTTP@localhost', mech => 'krb5');
    return http(port => $server->port)->get($path, Authorization => $gss->authorization)->status;
}

# --- many rules --------------------------------------------------------------

subtest 'thousands of rules that deny' => sub {
    my %rule = (
        realm     => sub { "krb5-realm OTHER-$_.TEST" },
        indicator => sub { "auth-indicator other-$_" },
        attribute => sub { "name-attribute urn:nobody:has-this other-$_" },
        group     => sub { "pac-group group-$_" },
        sid       => sub { sprintf 'pac-group %s-%d', $DOMAIN, 100_000 + $_ },
        long      => sub { "krb5-realm " . join ' ', map { "OTHER-$_.TEST" } $_ .. $_ + 50 },
    );
    my $names  = join "\n", map { sprintf 'AuthNegotiateGroup group-%d %s-%d', $_, $DOMAIN, 200_000 + $_ } 1 .. RULES;
    my $places = join "\n", map {
        my $text = $rule{$_};
        "<Location /$_>\n" . ($_ eq 'group' ? "$names\n" : '') . join("\n", map { 'Require ' . $text->() } 1 .. RULES) . "\n</Location>"
    } sort keys %rule;
    my $server = server(conf => <<"CONF")->start;
$one_child
LogLevel auth_negotiate:info authz_core:info
LimitRequestFieldSize 65536
<LocationMatch "^/[a-z]">
    AuthType Negotiate
    AuthName test
    AuthNegotiateKeytab "\@keytab\@"
    Require user nobody
</LocationMatch>
$places
CONF
    my $alice = ticket_of(1 => logon_info(user => 1001, domain => $DOMAIN, groups => [ 513, 3001 .. 3999 ]));
    status_of($server, '/warm', $alice) for 1 .. 8;
    for my $kind (sort keys %rule) {
        my $before = $server->memory;
        $server->log->mark;
        is_deeply [ map { status_of($server, "/$kind", $alice) } 1 .. 3 ], [ (403) x 3 ], "$kind: 403";
        my ($line) = $server->log->wait_for(qr/is known and may not enter/);
        like $line, qr/\(403\): Require .*; and 2992 more\. Where it should/, '... the first of them are told';
        cmp_ok length $line, '<', 6000, '... in one line of bounded length';
        my $grown = $server->memory - $before;
      SKIP: {
            skip 'the sanitizer needs memory of its own', 1 if $under_sanitizer;
            cmp_ok $grown, '<', ROOM, "... for which there is no need of memory ($grown kB)";
        }
    }
    $server->stop;
};

# --- many keys ---------------------------------------------------------------

subtest 'a keytab with many keys' => sub {
    my @keys   = map { entry("HTTP/h$_.example.test", kvno => 3) } 1 .. KEYS;
    my $keytab = write_keytab(keytab('growth'), @keys, entry('host/h1.example.test', kvno => 3));
    my $server = server(conf => <<"CONF")->start;
$one_child
AuthNegotiateKeytab "$keytab"
LimitRequestFieldSize 65536
AliasMatch "^/(x|both|host)" "\@documentroot\@/plain.txt"
<LocationMatch "^/(x|both|host)">
    AuthType Negotiate
    AuthName test
    Require valid-user
</LocationMatch>
<Location /both>
    AuthNegotiateMechs krb5 ntlmssp
</Location>
<Location /host>
    AuthNegotiateAcceptor HTTP\@h1.example.test
</Location>
CONF
    my $for = sub {
        my ($key, %more) = @_;
        my $file = write_keytab(keytab('growth-client'), $key);
        my ($service, $host) = $key->{principal} =~ m{^(.*?)/(.*?)\@};
        return (ticket_of(service => $key->{principal}, keytab => $file, %more), "$service\@$host");
    };
    my $refused = sub {
        my ($name, $cause, @ticket) = @_;
        my ($path) = $name =~ m{^(/\w+)};
        $server->log->mark;
        is status_of($server, $path || '/x', @ticket), 401, "$name: 401";
        like join('', $server->log->wait_for(qr/refused/)), $cause, '... and why';
    };
    my ($first, $last) = @keys[ 0, -1 ];
    for my $when ('from the file', 'from memory') {
        is status_of($server, '/x', $for->($last)), 200, "$when: the key that is named";
        is status_of($server, '/x', $for->({ %$last, principal => 'HTTP/alias.example.test@EXAMPLE.TEST' })), 200,
          '... an alias that has the same key as another name';
        is status_of($server, '/x', $for->({ %$last, principal => $first->{principal}, kvno => 4 })), 200,
          '... and a name whose new key is there as that of another';
        sleep REST;
    }
    # No reason for two lines a minute: each cause once.
    my $large = 'x' x 20_000;
    $refused->('a name that is not there', qr/\(no-key\).*has no key of that name/, $for->(entry('HTTP/other.example.test', kvno => 3)));
    $refused->('a version that is not there', qr/\(kvno\).*has version 3/, $for->(entry('HTTP/h1.example.test', kvno => 9)));
    $refused->('another key', qr/\(wrong-key\)/, $for->(entry('HTTP/h1.example.test', kvno => 3)));
    $refused->('a service that may not accept', qr/\(wrong-service\)/, $for->(entry('host/h1.example.test', kvno => 3)));
    $server->restart;
    $refused->('a ticket so large that not all keys are tried', qr/\(no-key\).*more keys than are tried for one ticket/,
        $for->(entry('HTTP/other.example.test', kvno => 3), 1 => $large));
    is status_of($server, '/x', $for->($last, 1 => $large)), 200, '... is let in by the key that it names';
    # What the library would do with all keys of the file is not asked for there, either.
    for my $path ('/both', '/host') {
        $server->restart;
        $refused->("$path: a ticket so large that not all keys are tried", qr/\(no-key\).*more keys than are tried for one ticket/,
            $for->(entry('HTTP/other.example.test', kvno => 3), 1 => $large));
        is status_of($server, $path, $for->($first, 1 => $large)), 200, '... is let in by the key that it names';
    }
    is status_of($server, '/both', $for->({ %$last, principal => 'HTTP/alias.example.test@EXAMPLE.TEST' })), 200,
      '... and so is an alias';
    $server->restart;
    $refused->('/host: the key of another host', qr/\(wrong-service\)/, $for->($last));
    $server->stop;
};
