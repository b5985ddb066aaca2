# AuthNegotiateDelegate FILE: the user's forwarded ticket in a file of its own,
# for the application of this request alone, or of this connection's.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Httpd 'httpd_user';
use NegTest::Stage;

plan tests => 122;

my $root = $> == 0;
my ($user) = httpd_user() || getpwuid $>;
my (undef, undef, $uid, $gid) = getpwnam $user;
my $group = getgrgid $gid;

my $dir = stage_dir() . '/delegate';
for ('', qw(/a /b /c /d /e /persist)) {
    mkdir $dir . $_;
    NegTest::Stage->give_to_httpd($dir . $_, 0700);
}
chmod 0711, $dir;

my $locations = '';
my %lines = (
    request => "AuthNegotiateDelegate FILE:$dir/a",
    persist => "AuthNegotiateDelegate FILE:$dir/persist\nAuthNegotiatePersist On",
    'persist/none'  => 'AuthNegotiateDelegate off',
    'persist/other' => 'AuthName other',
    'persist/dir'   => "AuthNegotiateDelegate FILE:$dir/b",
    'persist/perms' => 'AuthNegotiateDelegatePerms mode:0640',
    none    => 'AuthNegotiatePersist On',
    group   => "AuthNegotiateDelegate FILE:$dir/c\nAuthNegotiateDelegatePerms mode:0640 group:$group user:$user",
    name    => "AuthNegotiateDelegate FILE:$dir/a\nAuthNegotiateDelegateEnv TICKETS",
    pages   => "AuthNegotiateDelegate FILE:$dir/a",
    'pages/off'  => 'AuthNegotiateDelegate off',
    'pages/name' => 'AuthNegotiateDelegateEnv TICKETS',
    'pages/open' => "AuthType None\nRequire all granted",
    'pages/dir/index.cgi' => "AuthNegotiateDelegate off\nOptions +ExecCGI\nSetHandler cgi-script",
    broken  => "AuthNegotiateDelegate FILE:$dir/d",
    broken_persist => "AuthNegotiateDelegate FILE:$dir/e\nAuthNegotiatePersist On",
);
for my $path (sort keys %lines) {
    $locations .= "Alias /$path \"" . ($path eq 'pages' ? "$dir/pages" : '@documentroot@') . "\"\n" if $path !~ m{/};
    $locations .= join "\n", "<Location /$path>", 'AuthType Negotiate', 'AuthName test', $lines{$path},
      'Options +Includes', $path =~ /open/ ? () : 'Require valid-user', "</Location>\n";
}

# Pages with parts where delegation is another.
mkdir "$dir/$_" for qw(pages pages/dir);
put("$dir/pages/parts.shtml", map { qq{$_:<!--#include virtual="/pages/$_/env.pl" -->\n} } qw(here off name open here));
put("$dir/pages/dir/index.cgi", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nenv\n");
chmod 0755, "$dir/pages/dir/index.cgi";
sub put {
    my ($file, @text) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out @text;
    close $out;
    return;
}

my $server = server(conf => <<"CONF")->start;
PassEnv KRB5_CONFIG
DirectoryIndex index.cgi
ScriptAliasMatch "env\\.pl\$" "\@stage\@/cgi-bin/env.pl"
ScriptAliasMatch "tickets\\.pl\$" "\@stage\@/cgi-bin/tickets.pl"
ErrorDocument 500 /open/env.pl
AuthNegotiateKeytab \@keytab\@
$locations
CONF

# --- helpers -----------------------------------------------------------------

sub connection { return http(port => $server->port) }

sub tickets {
    my ($http, $path, @gss) = @_;
    my $r = $http->get("$path/tickets.pl", @gss ? (Authorization => initiator(@gss)->authorization) : ());
    return { status => $r->status, %{ $r->env } };
}

sub path_of { my ($ccache) = @_; return ($ccache || '') =~ /^FILE:(.+)/ ? $1 : '/nonexistent' }

sub soon_gone { my ($path) = @_; return wait_until(sub { !-e $path }, 5) }

# A child's lock is empty, and stays as long as the child.
sub files { my ($in) = @_; return grep { !m{/\.krb5cc_negotiate_[\d.]+\z} || -s } glob "$dir/$in/* $dir/$in/.??*" }

sub empties { my ($in) = @_; return wait_until(sub { !files($in) }, 5) }

# --- for a request -----------------------------------------------------------

my %seen;
for my $mech (qw(spnego krb5)) {
    my $t = tickets(connection(), '/request', 'alice', delegate => 1, mech => $mech);
    is $t->{status}, 200, "$mech: a client that delegates";
    like $t->{KRB5CCNAME}, qr{^FILE:\Q$dir\E/a/krb5cc_negotiate_\d+_\w{6}$}, '... KRB5CCNAME, in the directory';
    unlike $t->{KRB5CCNAME}, qr/alice|EXAMPLE/, '... with nothing of the client in it';
    is $t->{mode}, '0600', '... for the owner alone';
    is $t->{uid}, $uid, '... who is the server\'s user';
    is $t->{principal}, 'alice@EXAMPLE.TEST', '... of alice';
    is $t->{tgt}, 1, '... her ticket-granting ticket';
    is $t->{kvno}, 1, '... good for tickets in her name';
    ok soon_gone(path_of($t->{KRB5CCNAME})), '... gone when the request has ended';
    $seen{ $t->{KRB5CCNAME} }++;
}
{
    my $http = connection();
    for (1 .. 3) { $seen{ tickets($http, '/request', 'alice', delegate => 1)->{KRB5CCNAME} }++ }
    is scalar(keys %seen), 5, 'each request has another, on one connection too';
    is tickets($http, '/request')->{status}, 401, '... and a request without a token has none';
}

{
    my $t = tickets(connection(), '/request', 'alice');
    is $t->{status}, 200, 'a client that does not delegate is let in';
    is $t->{KRB5CCNAME}, '', '... without a ccache, and never with the server\'s own';
    $t = tickets(connection(), '/request', 'dave', delegate => 1) if eval { initiator('dave', delegate => 1)->authorization };
    is $t->{KRB5CCNAME}, '', 'tickets that may not be forwarded: no ccache';
    ok empties('a'), '... and no file';
}

{
    my $output = curl(ccache('alice'), '--negotiate', '-u', ':', '--delegation', 'always', $server->url('/request/tickets.pl'));
    like $output, qr/^KRB5CCNAME=FILE:/m, 'curl --delegation always';
    like $output, qr/^kvno=1$/m, '... works';
    $output = curl(ccache('alice'), '--negotiate', '-u', ':', $server->url('/request/tickets.pl'));
    like $output, qr/^KRB5CCNAME=$/m, 'curl without it';
}

{
    my $body = connection()->get('/request/tickets.shtml', Authorization => initiator('alice', delegate => 1)->authorization)
      ->body;
    my %ssi = $body =~ /^(\w+)=(.*)$/mg;
    is $ssi{user}, 'alice@EXAMPLE.TEST', 'server-side includes';
    like $ssi{ccache}, qr{^FILE:\Q$dir\E/a/}, '... have KRB5CCNAME';
    is $ssi{inner}, $ssi{ccache}, '... in what is included, too';
    ok soon_gone(path_of($ssi{ccache})), '... and it is gone afterwards';
}

{
    my $http = connection();
    my $body = $http->get('/pages/parts.shtml', Authorization => initiator('alice', delegate => 1)->authorization)->body;
    my (undef, %part) = split /^(here|off|name|open):/m, $body;
    my %name = map { $_ => [ sort $part{$_} =~ /^(\w+)=FILE:\Q$dir\E/mg ] } keys %part;
    is_deeply $name{here}, ['KRB5CCNAME'], 'a part of a page has the page\'s ccache';
    is_deeply $name{off}, [], '... not where delegation is off';
    is_deeply $name{name}, ['TICKETS'], '... by another name where it has another';
    is_deeply $name{open}, [], '... not where nobody is asked who he is';
    my $env = $http->get('/pages/dir/', Authorization => initiator('alice', delegate => 1)->authorization)->env;
    is $env->{REMOTE_USER}, 'alice@EXAMPLE.TEST', 'the index of a directory';
    is $env->{KRB5CCNAME}, undef, '... has none where delegation is off for it, and on for the directory';
    ok empties('a'), '... and no file stays';
}

# --- for a connection --------------------------------------------------------

{
    my $http  = connection();
    my $first = tickets($http, '/persist', 'alice', delegate => 1);
    my $path  = path_of($first->{KRB5CCNAME});
    is $first->{principal}, 'alice@EXAMPLE.TEST', 'Persist On: alice\'s ccache';
    for my $turn (2, 3) {
        my $t = tickets($http, '/persist');
        is $t->{KRB5CCNAME}, $first->{KRB5CCNAME}, "... the same for request $turn";
        is $t->{kvno}, 1, '... and it works';
    }
    my $t = tickets($http, '/persist/none');
    is "$t->{status} $t->{KRB5CCNAME}", '200 ', '... not where delegation is off';
    is tickets($http, '/persist/other')->{status}, 401, '... nor with another AuthName';
    is tickets($http, '/persist/dir')->{status}, 401, '... nor where ccaches go elsewhere';
    is tickets($http, '/persist/perms')->{status}, 401, '... nor where others may read them';
    is tickets($http, '/persist')->{KRB5CCNAME}, $first->{KRB5CCNAME}, '... which does no harm to it';
    my ($mine) = path_of($first->{KRB5CCNAME});
    ok -e $mine, '... the file stays between requests';
    is scalar(files('persist')), 1, '... alone';

    my $again = tickets($http, '/persist', 'alice', delegate => 1);
    isnt $again->{KRB5CCNAME}, $first->{KRB5CCNAME}, 'a new login on the connection: a new ccache';
    ok soon_gone($path), '... the old one is gone';
    my $bob = tickets($http, '/persist', 'bob', delegate => 1);
    is $bob->{principal}, 'bob@EXAMPLE.TEST', 'another user on the connection: his ccache';
    ok soon_gone(path_of($again->{KRB5CCNAME})), '... hers is gone';
    is tickets($http, '/persist')->{status}, 401, '... and nothing is kept of a second user';
    ok empties('persist'), '... nor his ccache';
    $http = connection();
    tickets($http, '/persist', 'alice', delegate => 1);
    my $plain = tickets($http, '/persist', 'alice');
    is $plain->{KRB5CCNAME}, '', 'a login without delegation: no ccache';
    is tickets($http, '/persist')->{KRB5CCNAME}, '', '... nor later';
    ok empties('persist'), '... and the one before is gone';

    tickets($http, '/persist', 'alice', delegate => 1);
    is $http->get('/persist/tickets.pl', Authorization => negotiate('junk'))->status, 401, 'a failed login';
    ok empties('persist'), '... leaves no ccache';
    is tickets($http, '/persist')->{status}, 401, '... and nobody known';

    tickets($http, '/persist', 'alice', delegate => 1);
    is scalar(files('persist')), 1, 'a ccache of the connection';
    $http->close;
    ok empties('persist'), '... goes when it closes';
}

{
    my $http = connection();
    my $t = tickets($http, '/none', 'alice', delegate => 1);
    is $t->{KRB5CCNAME}, '', 'without AuthNegotiateDelegate: no ccache';
    is tickets($http, '/persist')->{status}, 401, '... and where there is one, the connection must log in again';
    like tickets($http, '/persist', 'alice', delegate => 1)->{KRB5CCNAME}, qr/^FILE:/, '... with success';
}

{
    my $http = connection();
    my $t = tickets($http, '/persist', 'alice', delegate => 1);
    is tickets($http, '/request', 'bob', delegate => 1)->{principal}, 'bob@EXAMPLE.TEST', 'a request\'s own ccache after a connection\'s';
    ok empties('persist') && empties('a'), '... both are gone';
}

# --- owner, mode, name -------------------------------------------------------

{
    my $t = tickets(connection(), '/group', 'alice', delegate => 1);
    is $t->{mode}, '0640', 'AuthNegotiateDelegatePerms: mode';
    is $t->{gid}, $gid, '... group';
    is $t->{uid}, $uid, '... user';
    is $t->{tgt}, 1, '... and it works';
    $t = tickets(connection(), '/name', 'alice', delegate => 1);
    is $t->{KRB5CCNAME}, '', 'AuthNegotiateDelegateEnv: not KRB5CCNAME';
    like $t->{TICKETS}, qr/^FILE:/, '... but the name that it says';
    is $t->{kvno}, 1, '... and it works';
}

# --- when it cannot be stored ------------------------------------------------

sub refused {
    my ($name, $path, $why) = @_;
    $server->log->mark;
    my $r = connection()->get("$path/tickets.pl", Authorization => initiator('alice', delegate => 1)->authorization);
    is $r->status, 500, "$name: 500";
    is $r->env->{NEGOTIATE_ERROR}, 'delegation', '... NEGOTIATE_ERROR';
    like $r->env->{NEGOTIATE_ERROR_TEXT}, qr/credential of alice\@EXAMPLE\.TEST could not be stored.*$why/, '... the sentence';
    is scalar $r->challenges, 0, '... nobody is asked for a password';
    my @said = $server->log->wait_for(qr/refused \(delegation\)/);
    is scalar @said, 1, '... one line in the log';
    like "@said", qr/:(?:error|info)\].*$why/, '... that says the same';
    my $t = tickets(connection(), $path, 'alice');
    is "$t->{status} $t->{KRB5CCNAME}", '200 ', '... who does not delegate is let in all the same';
    return;
}

for my $case ([ '/broken', 'd' ], [ '/broken_persist', 'e' ]) {
    my ($path, $name) = @$case;
    my $http = connection();
    rename "$dir/$name", "$dir/$name.away" or die $!;
    refused("$path: the directory is gone", $path, qr/No such file/);
    rename "$dir/$name.away", "$dir/$name" or die $!;
    is tickets($http, $path, 'alice', delegate => 1)->{kvno}, 1, '... and when it is back, all is well';
    ok $name eq 'e' || empties($name), '... and nothing is left';
    $http->close;
    ok empties($name), '... nor when the connection has closed';
}

{
    $root ? chown 0, 0, "$dir/d" : chmod 0500, "$dir/d";
    chmod 0755, "$dir/d" if $root;
    refused('the directory is read-only', '/broken', qr/Permission denied/);
    NegTest::Stage->give_to_httpd("$dir/d", 0700);
    is tickets(connection(), '/broken', 'alice', delegate => 1)->{kvno}, 1, '... and then not';
}

SKIP: {
    skip 'only root can make a full file system', 9
      if !$root || !run([ qw(mount -t tmpfs -o), "size=4k,uid=$uid,mode=700", 'tmpfs', "$dir/d" ])->{ok};
    open my $out, '>', "$dir/d/ballast" or die $!;
    print $out 'x' x 8192;
    close $out;
    refused('the file system is full', '/broken', qr/cannot be written|No space/);
    is_deeply [ files('d') ], ["$dir/d/ballast"], '... half a ccache is not left';
    unlink "$dir/d/ballast";
    my $t = tickets(connection(), '/broken', 'alice', delegate => 1);
    is $t->{tgt}, 1, '... and with room again it is stored';
    run([ 'umount', '-l', "$dir/d" ]);
}

# --- many at once ------------------------------------------------------------

{
    ccache($_) for qw(alice bob);
    my @answers = in_parallel(6, sub {
        my ($i) = @_;
        my $who  = $i % 2 ? 'bob' : 'alice';
        my $path = $i < 3 ? '/request' : '/persist';
        my $http = connection();
        my ($wrong, %names) = 0;
        for my $turn (1 .. 4) {
            my @gss = $path eq '/request' || $turn == 1 ? ($who, delegate => 1) : ();
            my $r = $http->get("$path/tickets.pl?delay=0.05", @gss ? (Authorization => initiator(@gss)->authorization) : ());
            my $t = $r->env;
            $wrong++ if ($t->{principal} || '') ne "$who\@EXAMPLE.TEST" || $t->{REMOTE_USER} ne $t->{principal};
            $names{ $t->{KRB5CCNAME} }++;
        }
        return { wrong => $wrong, names => [ keys %names ], path => $path };
    });
    is join(' ', map { defined $_->{wrong} ? $_->{wrong} : $_->{error} } @answers), '0 0 0 0 0 0',
      'two users on six connections at once: everybody has his own tickets';
    my %all = map { $_ => 1 } map { @{ $_->{names} } } @answers;
    is scalar(keys %all), 3 * 4 + 3, '... in files of their own';
    ok empties($_), "... of which none is left in $_" for qw(a persist);
}

{
    my $http = connection();
    for (1 .. 40) { $http->get('/request/env.pl', Authorization => initiator('alice', delegate => 1)->authorization) }
    ok empties('a'), 'after forty requests no file is left';

    my @held = map { my $h = connection(); tickets($h, '/persist', 'bob', delegate => 1); $h } 1 .. 3;
    is scalar(files('persist')), 3, 'connections that are open when the server stops';
    is_deeply [ $server->log->crashes ], [], '... nobody died before';
    $server->stop;
    ok empties('persist'), '... take their ccaches with them';
    is_deeply [ map { files($_) } qw(a b c e) ], [], '... and nothing is left anywhere';
}
